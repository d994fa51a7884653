import { withPeriodicFlush } from '@periodic-flush/drizzle/postgres-js'
import { drizzle } from 'drizzle-orm/postgres-js'
import { drizzle as drizzleOfRc } from 'drizzle-orm-rc/postgres-js'
import postgres, { type Sql } from 'postgres'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

/** What the suite needs of a database, in either version of Drizzle. */
interface Executes {
  execute(text: string): PromiseLike<readonly object[]>
}

interface Database extends Executes {
  transaction<T>(work: (tx: Executes) => Promise<T>): Promise<T>
}

const runner = (db: Executes): Runner => ({
  value: async (text) => Object.values((await db.execute(text))[0] ?? {})[0],
})

const client = (db: Database, sql: Sql) => ({
  ...runner(db),
  row: async (text: string) => (await db.execute(text))[0],
  transaction: <T>(work: (tx: Runner) => Promise<T>) => db.transaction((tx) => work(runner(tx))),
  end: () => sql.end(),
})

const subject = (name: string, database: (sql: Sql) => Database & { readonly $client: Sql }): Subject => ({
  name,
  dialect: postgresql,
  open({ url, max, options }) {
    const db = withPeriodicFlush(() => postgres(url(), { max }), database, options)
    return { ...client(db, db.$client), $flush: db.$flush, $flusher: db.$flusher }
  },
  openSame(url) {
    const same = postgres(url)
    const db = withPeriodicFlush(() => same, database, { intervalMs: false })
    return { ...client(db, db.$client), $flush: db.$flush, $flusher: db.$flusher }
  },
  bare(url, max) {
    const sql = postgres(url, { max })
    return client(database(sql), sql)
  },
})

export const drizzlePostgresJsSubject = subject('drizzle/postgres-js', (sql) => drizzle(sql))
export const drizzleRcPostgresJsSubject = subject('drizzle-rc/postgres-js', (client) => drizzleOfRc({ client }))
