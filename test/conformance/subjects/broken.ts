import { createFlusher, type Driver } from '@periodic-flush/core'
import pg from 'pg'
import { postgresql } from '../dialect.ts'
import type { Client, Runner, Subject } from '../subject.ts'

/** What is wrong with a driver on purpose. The suite must fail each of them: they test the tests. */
export type Defect = 'none' | 'leaks' | 'checks nothing' | 'cuts nothing' | 'takes more than its limit'

const runner = (client: Pick<pg.Pool, 'query'>): Runner => ({
  value: async (text) => Object.values((await client.query(text)).rows[0] ?? {})[0],
})

/** A plain driver of pg pools, with one defect. */
function driver(open: () => pg.Pool, defect: Defect): Driver<pg.Pool> {
  return {
    name: 'broken',
    open,
    check: async (pool) => {
      const queries = defect === 'takes more than its limit' ? pool.options.max : defect === 'checks nothing' ? 0 : 1
      await Promise.all(Array.from({ length: queries }, () => pool.query('select 1')))
    },
    limit: (pool) => pool.options.max,
    close: async (pool) => {
      if (defect === 'leaks') return
      let left = pool.totalCount
      // The pool's own end does not wait for its connections to be gone.
      const removed = new Promise<void>((resolve) => {
        pool.on('remove', () => --left === 0 && resolve())
      })
      if (left > 0) await Promise.all([removed, pool.end()])
      else await pool.end()
    },
    cut: (pool) => {
      if (defect !== 'cuts nothing') pool.end().catch(() => {})
    },
  }
}

/** A subject on core and pg alone, with a defect. */
export function broken(defect: Defect): Subject {
  const bare = (url: string, max: number) => {
    const pool = new pg.Pool({ connectionString: url, max, idleTimeoutMillis: 0 })
    pool.on('error', () => {})
    return pool
  }
  return {
    name: `broken: ${defect}`,
    dialect: postgresql,
    open({ url, max, options }): Client {
      const flusher = createFlusher(
        driver(() => bare(url(), max), defect),
        options,
      )
      return {
        value: (text) => flusher.run('query', (pool) => runner(pool).value(text)),
        row: (text) => flusher.run('query', async (pool) => (await pool.query(text)).rows[0]),
        transaction: (work) =>
          flusher.run('transaction', async (pool) => {
            const connection = await pool.connect()
            connection.on('error', () => {})
            try {
              await connection.query('begin')
              const result = await work(runner(connection))
              await connection.query('commit')
              return result
            } catch (error) {
              await connection.query('rollback').catch(() => {})
              throw error
            } finally {
              connection.release()
            }
          }),
        end: () => flusher.close(),
        $flush: (flush) => flusher.flush(flush),
        $flusher: flusher,
      }
    },
    openSame: () => {
      throw new Error('not part of what broken drivers are tried with')
    },
    bare(url, max) {
      const pool = bare(url, max)
      return {
        ...runner(pool),
        row: async (text) => (await pool.query(text)).rows[0],
        transaction: () => Promise.reject(new Error('not part of what broken drivers are tried with')),
        end: () => pool.end(),
      }
    },
  }
}
