import { withPeriodicFlush } from '@periodic-flush/drizzle/mysql2'
import { sql } from 'drizzle-orm'
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import type { Runner, Subject } from '../subject.ts'

type Asked = Pick<MySql2Database, 'execute'>

const first = async (db: Asked, text: string): Promise<object | undefined> => {
  // Drizzle gives what mysql2 does: the rows and their fields.
  const [rows] = (await db.execute(sql.raw(text))) as unknown as [object[]]
  return rows[0]
}

const runner = (db: Asked): Runner => ({ value: async (text) => Object.values((await first(db, text)) ?? {})[0] })

const client = (db: MySql2Database, end: () => Promise<void>) => ({
  ...runner(db),
  row: (text: string) => first(db, text),
  transaction: <T>(work: (tx: Runner) => Promise<T>) => db.transaction((tx) => work(runner(tx))),
  end,
})

export const drizzleMysql2Subject: Subject = {
  name: 'drizzle/mysql2',
  open({ url, max, options }) {
    const db = withPeriodicFlush(
      () => createPool({ uri: url(), connectionLimit: max }),
      (pool) => drizzle(pool),
      options,
    )
    return { ...client(db, () => db.$client.end()), $flush: db.$flush, $flusher: db.$flusher }
  },
  openSame(url) {
    const same = createPool(url)
    const db = withPeriodicFlush(
      () => same,
      (pool) => drizzle(pool),
      { intervalMs: false },
    )
    return { ...client(db, () => db.$client.end()), $flush: db.$flush, $flusher: db.$flusher }
  },
  bare(uri, max) {
    const db = drizzle(createPool({ uri, connectionLimit: max }))
    return client(db, () => db.$client.end())
  },
}
