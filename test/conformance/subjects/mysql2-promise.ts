import { withPeriodicFlush } from '@periodic-flush/mysql2'
import { createPool, type Pool, type PoolConnection, type RowDataPacket } from 'mysql2/promise'
import { mariadb } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

type Asked = Pick<Pool | PoolConnection, 'query'>

const first = async (on: Asked, text: string) => (await on.query<RowDataPacket[]>(text))[0][0]

const runner = (on: Asked): Runner => ({ value: async (text) => Object.values((await first(on, text)) ?? {})[0] })

async function transaction<T>(pool: Pool, work: (tx: Runner) => Promise<T>): Promise<T> {
  const connection = await pool.getConnection()
  try {
    await connection.beginTransaction()
    const result = await work(runner(connection))
    await connection.commit()
    return result
  } catch (error) {
    await connection.rollback().catch(() => {})
    throw error
  } finally {
    connection.release()
  }
}

const client = (pool: Pool) => ({
  ...runner(pool),
  row: (text: string) => first(pool, text),
  transaction: <T>(work: (tx: Runner) => Promise<T>) => transaction(pool, work),
  end: () => pool.end(),
})

export const mysql2PromiseSubject: Subject = {
  name: 'mysql2/promise',
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
