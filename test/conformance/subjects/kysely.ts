import { withPeriodicFlush } from '@periodic-flush/pg'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

type Database = Kysely<Record<string, never>>

const rowOf = async (db: Database, text: string) => (await db.executeQuery<object>(CompiledQuery.raw(text))).rows[0]

const runner = (db: Database): Runner => ({ value: async (text) => Object.values((await rowOf(db, text)) ?? {})[0] })

function client(pool: Pool) {
  const db: Database = new Kysely({ dialect: new PostgresDialect({ pool }) })
  return {
    ...runner(db),
    row: (text: string) => rowOf(db, text),
    transaction: <T>(work: (tx: Runner) => Promise<T>) => db.transaction().execute((tx) => work(runner(tx))),
    end: () => db.destroy(),
  }
}

export const kyselySubject: Subject = {
  name: 'kysely',
  dialect: postgresql,
  // It checks a connection out for each statement.
  statement: 'reserved',
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
