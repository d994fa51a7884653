import { withPeriodicFlush } from '@periodic-flush/mysql2'
import { createPool, type Pool, type PoolConnection, type RowDataPacket } from 'mysql2'
import { mariadb } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

type Asked = Pick<Pool | PoolConnection, 'query'>

const first = (on: Asked, text: string) =>
  new Promise<RowDataPacket | undefined>((resolve, reject) => {
    on.query<RowDataPacket[]>(text, (error, rows) => (error ? reject(error) : resolve(rows[0])))
  })

const runner = (on: Asked): Runner => ({ value: async (text) => Object.values((await first(on, text)) ?? {})[0] })

const connected = (pool: Pool) =>
  new Promise<PoolConnection>((resolve, reject) => {
    pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)))
  })

async function transaction<T>(pool: Pool, work: (tx: Runner) => Promise<T>): Promise<T> {
  const connection = await connected(pool)
  try {
    await first(connection, 'start transaction')
    const result = await work(runner(connection))
    await first(connection, 'commit')
    return result
  } catch (error) {
    await first(connection, 'rollback').catch(() => {})
    throw error
  } finally {
    connection.release()
  }
}

const client = (pool: Pool) => ({
  ...runner(pool),
  row: (text: string) => first(pool, text),
  transaction: <T>(work: (tx: Runner) => Promise<T>) => transaction(pool, work),
  end: () => new Promise<void>((resolve, reject) => pool.end((error) => (error ? reject(error) : resolve()))),
})

export const mysql2Subject: Subject = {
  name: 'mysql2',
  dialect: mariadb,
  open({ url, max, options }) {
    const pool = withPeriodicFlush(() => createPool({ uri: url(), connectionLimit: max }), options)
    return { ...client(pool), $flush: pool.$flush, $flusher: pool.$flusher }
  },
  openSame(url) {
    const same = createPool(url)
    const pool = withPeriodicFlush(() => same, { intervalMs: false })
    return { ...client(pool), $flush: pool.$flush, $flusher: pool.$flusher }
  },
  bare: (uri, max) => client(createPool({ uri, connectionLimit: max })),
}
