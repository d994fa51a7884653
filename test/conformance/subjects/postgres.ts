import { withPeriodicFlush } from '@periodic-flush/postgres'
import postgres, { type Sql } from 'postgres'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

const runner = (sql: Pick<Sql, 'unsafe'>): Runner => ({
  value: async (text) => Object.values((await sql.unsafe(text))[0] ?? {})[0],
})

const client = (sql: Sql) => ({
  ...runner(sql),
  row: async (text: string) => (await sql.unsafe(text))[0],
  transaction: async <T>(work: (tx: Runner) => Promise<T>) => (await sql.begin((tx) => work(runner(tx)))) as T,
  end: () => sql.end(),
})

export const postgresSubject: Subject = {
  name: 'postgres',
  dialect: postgresql,
  open({ url, max, options }) {
    const sql = withPeriodicFlush(() => postgres(url(), { max }), options)
    return { ...client(sql), $flush: sql.$flush, $flusher: sql.$flusher }
  },
  openSame(url) {
    const same = postgres(url)
    const sql = withPeriodicFlush(() => same, { intervalMs: false })
    return { ...client(sql), $flush: sql.$flush, $flusher: sql.$flusher }
  },
  bare: (url, max) => client(postgres(url, { max })),
}
