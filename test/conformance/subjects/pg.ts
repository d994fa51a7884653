import { withPeriodicFlush } from '@periodic-flush/pg'
import { Pool, type PoolClient } from 'pg'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

const runner = (client: Pick<Pool, 'query'>): Runner => ({
  value: async (text) => Object.values((await client.query(text)).rows[0] ?? {})[0],
})

async function transaction<T>(connection: PoolClient, work: (tx: Runner) => Promise<T>): Promise<T> {
  try {
    await connection.query('begin')
    const result = await work(runner(connection))
    await connection.query('commit')
    return result
  } catch (error) {
    await connection.query('rollback')
    throw error
  } finally {
    connection.release()
  }
}

const client = (pool: Pool) => ({
  ...runner(pool),
  row: async (text: string) => (await pool.query(text)).rows[0],
  transaction: async <T>(work: (tx: Runner) => Promise<T>) => transaction(await pool.connect(), work),
  end: () => pool.end(),
})

export const pgSubject: Subject = {
  name: 'pg',
  dialect: postgresql,
  open({ url, max, options }) {
    const pool = withPeriodicFlush(() => new Pool({ connectionString: url(), max }), options)
    return { ...client(pool), $flush: pool.$flush, $flusher: pool.$flusher }
  },
  openSame(url) {
    const same = new Pool({ connectionString: url })
    const pool = withPeriodicFlush(() => same, { intervalMs: false })
    return { ...client(pool), $flush: pool.$flush, $flusher: pool.$flusher }
  },
  bare: (url, max) => client(new Pool({ connectionString: url, max })),
}
