import { withPeriodicFlush as flushingDatabase } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush } from '@periodic-flush/pg'
import { sql as part } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { sql as partOfRc } from 'drizzle-orm-rc'
import { drizzle as drizzleOfRc } from 'drizzle-orm-rc/node-postgres'
import { integer as integerOfRc, pgTable as pgTableOfRc, text as textOfRc } from 'drizzle-orm-rc/pg-core'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import type { Account, Client, Kind, Opening, Run } from '../client.ts'
import { prepares, runs, transacts } from './drizzle.ts'

/** An account as pg wants it told. */
export const poolConfig = ({ ca, ...where }: Account) => ({ ...where, ssl: ca === undefined ? false : { ca } })

const opened =
  ({ account, max }: Opening) =>
  (): Pool =>
    new Pool({ ...poolConfig(account()), max })

const append = { name: 'append', text: 'insert into ledger (id, part) values ($1, 1)' }

const transaction = async (pool: Pool, work: (run: Run) => Promise<void>): Promise<void> => {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await work((text) => connection.query(text))
    await connection.query('commit')
    connection.release()
  } catch (error) {
    // Whether it could be rolled back or not: who fails in between does not give the connection back for further use.
    connection.release(true)
    throw error
  }
}

export const pgKind: Kind = {
  name: 'pg',
  engine: 'postgres',
  open(opening) {
    const pool = withPeriodicFlush(opened(opening), opening.options)
    return {
      run: (text) => pool.query(text),
      prepared: (id) => pool.query({ ...append, values: [id] }),
      transaction: (work) => transaction(pool, work),
      stream: (text) => pool.query(new QueryStream(text, [], { batchSize: 5 })),
      $flusher: pool.$flusher,
    }
  },
}

export const drizzleNodePostgresKind: Kind = {
  name: 'drizzle/node-postgres',
  engine: 'postgres',
  open(opening) {
    const db = flushingDatabase(opened(opening), (pool) => drizzle(pool), opening.options)
    const ledger = pgTable('ledger', { id: text(), part: integer() })
    const insert = db
      .insert(ledger)
      .values({ id: part.placeholder('id'), part: 1 })
      .prepare('append')
    return { ...runs(db), ...transacts(db), ...prepares(insert), $flusher: db.$flusher }
  },
}

export const drizzleRcNodePostgresKind: Kind = {
  name: 'drizzle-rc/node-postgres',
  engine: 'postgres',
  open(opening) {
    const db = flushingDatabase(opened(opening), (client) => drizzleOfRc({ client }), opening.options)
    const ledger = pgTableOfRc('ledger', { id: textOfRc(), part: integerOfRc() })
    const insert = db
      .insert(ledger)
      .values({ id: partOfRc.placeholder('id'), part: 1 })
      .prepare('append')
    return { ...runs(db), ...transacts(db), ...prepares(insert), $flusher: db.$flusher }
  },
}

export const kyselyKind: Kind = {
  name: 'kysely',
  engine: 'postgres',
  open(opening) {
    const pool = withPeriodicFlush(opened(opening), opening.options)
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
    const raw = (text: string, values: unknown[] = []) => CompiledQuery.raw(text, values)
    const client: Client = {
      run: (text) => db.executeQuery(raw(text)),
      prepared: (id) => db.executeQuery(raw(append.text, [id])),
      transaction: (work) => db.transaction().execute((tx) => work((text) => tx.executeQuery(raw(text)))),
      stream: (text) => db.getExecutor().stream(raw(text), 5),
      $flusher: pool.$flusher,
    }
    return client
  },
}
