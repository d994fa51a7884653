import { withPeriodicFlush as flushingDatabase } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush } from '@periodic-flush/postgres'
import { sql as part } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import { sql as partOfRc } from 'drizzle-orm-rc'
import { integer as integerOfRc, pgTable as pgTableOfRc, text as textOfRc } from 'drizzle-orm-rc/pg-core'
import { drizzle as drizzleOfRc } from 'drizzle-orm-rc/postgres-js'
import postgres, { type Sql } from 'postgres'
import type { Kind, Opening } from '../client.ts'
import { prepares, runs, transacts } from './drizzle.ts'

const opened =
  ({ account, max }: Opening) =>
  (): Sql => {
    const { user, ca, ...where } = account()
    // By default it waits 30 s for a server that accepts and never answers: longer than any fault.
    return postgres({
      ...where,
      username: user,
      max,
      ssl: ca === undefined ? false : { ca },
      connect_timeout: 5,
      onnotice: () => {},
    })
  }

export const postgresKind: Kind = {
  name: 'postgres',
  engine: 'postgres',
  open(opening) {
    const sql = withPeriodicFlush(opened(opening), opening.options)
    return {
      run: async (text) => await sql.unsafe(text),
      prepared: async (id) => await sql`insert into ledger (id, part) values (${id}, 1)`,
      transaction: (work) => sql.begin((tx) => work(async (text) => await tx.unsafe(text))),
      stream: (text) => sql.unsafe(text).cursor(5),
      listen: (channel, heard) => sql.listen(channel, heard),
      $flusher: sql.$flusher,
    }
  },
}

export const drizzlePostgresJsKind: Kind = {
  name: 'drizzle/postgres-js',
  engine: 'postgres',
  open(opening) {
    const db = flushingDatabase(opened(opening), (sql) => drizzle(sql), opening.options)
    const ledger = pgTable('ledger', { id: text(), part: integer() })
    const append = db
      .insert(ledger)
      .values({ id: part.placeholder('id'), part: 1 })
      .prepare('append')
    return { ...runs(db), ...transacts(db), ...prepares(append), $flusher: db.$flusher }
  },
}

export const drizzleRcPostgresJsKind: Kind = {
  name: 'drizzle-rc/postgres-js',
  engine: 'postgres',
  open(opening) {
    const db = flushingDatabase(opened(opening), (client) => drizzleOfRc({ client }), opening.options)
    const ledger = pgTableOfRc('ledger', { id: textOfRc(), part: integerOfRc() })
    const append = db
      .insert(ledger)
      .values({ id: partOfRc.placeholder('id'), part: 1 })
      .prepare('append')
    return { ...runs(db), ...transacts(db), ...prepares(append), $flusher: db.$flusher }
  },
}
