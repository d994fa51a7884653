import { withPeriodicFlush } from '@periodic-flush/drizzle/node-postgres'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleOfRc } from 'drizzle-orm-rc/node-postgres'
import { Pool } from 'pg'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

/** What the suite needs of a database, in either version of Drizzle. */
interface Executes {
  execute(text: string): PromiseLike<{ rows: object[] }>
}

interface Database extends Executes {
  transaction<T>(work: (tx: Executes) => Promise<T>): Promise<T>
}

type OnPool = Database & { readonly $client: Pool }

const runner = (db: Executes): Runner => ({
  value: async (text) => Object.values((await db.execute(text)).rows[0] ?? {})[0],
})

const client = (db: Database, pool: Pool) => ({
  ...runner(db),
  row: async (text: string) => (await db.execute(text)).rows[0],
  transaction: <T>(work: (tx: Runner) => Promise<T>) => db.transaction((tx) => work(runner(tx))),
  end: () => pool.end(),
})

const subject = (name: string, database: (pool: Pool) => OnPool): Subject => ({
  name,
  dialect: postgresql,
  open({ url, max, options }) {
    const db = withPeriodicFlush(() => new Pool({ connectionString: url(), max }), database, options)
    return { ...client(db, db.$client), $flush: db.$flush, $flusher: db.$flusher }
  },
  openSame(url) {
    const same = new Pool({ connectionString: url })
    const db = withPeriodicFlush(() => same, database, { intervalMs: false })
    return { ...client(db, db.$client), $flush: db.$flush, $flusher: db.$flusher }
  },
  bare(url, max) {
    const pool = new Pool({ connectionString: url, max })
    return client(database(pool), pool)
  },
})

export const drizzleNodePostgresSubject = subject('drizzle/node-postgres', (pool) => drizzle(pool))

export const drizzleRcNodePostgresSubject = subject(
  'drizzle-rc/node-postgres',
  // Comparing overloads, TypeScript sees only the last, which takes a second argument.
  (client) => drizzleOfRc({ client }) as unknown as OnPool,
)
