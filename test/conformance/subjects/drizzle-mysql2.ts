import { withPeriodicFlush } from '@periodic-flush/drizzle/mysql2'
import { drizzle } from 'drizzle-orm/mysql2'
import { drizzle as drizzleOfRc } from 'drizzle-orm-rc/mysql2'
import { createPool, type Pool } from 'mysql2/promise'
import { mariadb } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

/** What the suite needs of a database, in either version of Drizzle. */
interface Executes {
  execute(text: string): PromiseLike<unknown>
}

interface Database extends Executes {
  transaction<T>(work: (tx: Executes) => Promise<T>): Promise<T>
}

const first = async (db: Executes, text: string): Promise<object | undefined> => {
  // Drizzle gives what mysql2 does: the rows and their fields.
  const [rows] = (await db.execute(text)) as [object[]]
  return rows[0]
}

const runner = (db: Executes): Runner => ({ value: async (text) => Object.values((await first(db, text)) ?? {})[0] })

const client = (db: Database, pool: Pool) => ({
  ...runner(db),
  row: (text: string) => first(db, text),
  transaction: <T>(work: (tx: Runner) => Promise<T>) => db.transaction((tx) => work(runner(tx))),
  end: () => pool.end(),
})

const subject = (name: string, database: (pool: Pool) => Database & { readonly $client: Pool }): Subject => ({
  name,
  dialect: mariadb,
  open({ url, max, options }) {
    const db = withPeriodicFlush(() => createPool({ uri: url(), connectionLimit: max }), database, options)
    return { ...client(db, db.$client), $flush: db.$flush, $flusher: db.$flusher }
  },
  openSame(url) {
    const same = createPool(url)
    const db = withPeriodicFlush(() => same, database, { intervalMs: false })
    return { ...client(db, db.$client), $flush: db.$flush, $flusher: db.$flusher }
  },
  bare(uri, max) {
    const pool = createPool({ uri, connectionLimit: max })
    return client(database(pool), pool)
  },
})

export const drizzleMysql2Subject = subject('drizzle/mysql2', (pool) => drizzle(pool))
export const drizzleRcMysql2Subject = subject('drizzle-rc/mysql2', (client) => drizzleOfRc({ client }))
