import { withPeriodicFlush } from '@periodic-flush/drizzle/postgres-js'
import { sql } from 'drizzle-orm'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

const runner = (db: Pick<PostgresJsDatabase, 'execute'>): Runner => ({
  value: async (text) => Object.values((await db.execute(sql.raw(text)))[0] ?? {})[0],
})

const client = (db: PostgresJsDatabase, end: () => Promise<void>) => ({
  ...runner(db),
  row: async (text: string) => (await db.execute(sql.raw(text)))[0],
  transaction: <T>(work: (tx: Runner) => Promise<T>) => db.transaction((tx) => work(runner(tx))),
  end,
})

export const drizzlePostgresJsSubject: Subject = {
  name: 'drizzle/postgres-js',
  dialect: postgresql,
  open({ url, max, options }) {
    const db = withPeriodicFlush(
      () => postgres(url(), { max }),
      (client) => drizzle(client),
      options,
    )
    return { ...client(db, () => db.$client.end()), $flush: db.$flush, $flusher: db.$flusher }
  },
  openSame(url) {
    const same = postgres(url)
    const db = withPeriodicFlush(
      () => same,
      (client) => drizzle(client),
      { intervalMs: false },
    )
    return { ...client(db, () => db.$client.end()), $flush: db.$flush, $flusher: db.$flusher }
  },
  bare(url, max) {
    const db = drizzle(postgres(url, { max }))
    return client(db, () => db.$client.end())
  },
}
