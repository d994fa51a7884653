import { withPeriodicFlush as flushingDrizzleMysql2 } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as flushingNodePostgres } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush as flushingPostgresJs } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as flushingMysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as flushingPool } from '@periodic-flush/pg'
import { withPeriodicFlush as flushingPostgres } from '@periodic-flush/postgres'
import { withPeriodicFlush as flushingPrisma } from '@periodic-flush/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle as drizzleMysql2 } from 'drizzle-orm/mysql2'
import { drizzle as drizzleNodePostgres } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { drizzle as rcMysql2 } from 'drizzle-orm-rc/mysql2'
import { drizzle as rcNodePostgres } from 'drizzle-orm-rc/node-postgres'
import { drizzle as rcPostgresJs } from 'drizzle-orm-rc/postgres-js'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import { createPool as createCallbackPool } from 'mysql2'
import { createPool, type Pool as MysqlPool } from 'mysql2/promise'
import type { Pool } from 'pg'
import postgres, { type Sql } from 'postgres'
import { PrismaClient } from '../prisma/generated/client.ts'
import { PrismaClient as MysqlPrismaClient } from '../prisma/mysql/generated/client.ts'
import { POOL as max, openPool } from './rivals.ts'

/** Something that answers one small query. */
export interface Contender {
  ask(): Promise<unknown>
  end(): Promise<unknown>
}

export interface Flushed extends Contender {
  flush(): Promise<unknown>
}

/** One client, bare and wrapped, doing the same work. */
export interface Pair {
  readonly name: string
  readonly engine: 'postgres' | 'mariadb'
  bare(url: string): Contender
  /** `intervalMs`: between flushes; absent, only `flush` does. */
  wrapped(url: string, intervalMs?: number): Flushed
}

interface Flushable {
  $flush(): Promise<unknown>
}

/** What has to be known of a client. */
interface Kind<Client> {
  readonly name: string
  readonly engine: Pair['engine']
  open(url: string): Client
  flushing(url: string, options: Timing): Client & Flushable
  ask(client: Client): Promise<unknown>
  end(client: Client): Promise<unknown>
}

/** Of our options, those that a bench sets. */
interface Timing {
  readonly intervalMs: number | false
  readonly deadlineMs: number
}

/** As long as the interval of a bench allows; nothing takes long here. */
const deadlineMs = 500
const question = 'select 1 as one'

function pair<Client>({ name, engine, open, flushing, ask, end }: Kind<Client>): Pair {
  const contender = (client: Client): Contender => ({ ask: () => ask(client), end: () => end(client) })
  return {
    name,
    engine,
    bare: (url) => contender(open(url)),
    wrapped(url, intervalMs) {
      const client = flushing(url, { intervalMs: intervalMs ?? false, deadlineMs })
      return { ...contender(client), flush: () => client.$flush() }
    },
  }
}

const openSql = (url: string): Sql => postgres(url, { max })
const openMysql = (uri: string): MysqlPool => createPool({ uri, connectionLimit: max })

/** What both versions of Drizzle offer, on each driver. */
interface Drizzle<Client> {
  readonly $client: Client
  execute(query: string): PromiseLike<unknown>
}

/** Drizzle on one driver: `wrap` is the driver's entry point of ours, `open` the driver, `db` Drizzle itself. */
function drizzlePair<Client extends { end(): Promise<unknown> }>(
  name: string,
  engine: Pair['engine'],
  open: (url: string) => Client,
  db: (client: Client) => Drizzle<Client>,
  wrap: (open: () => Client, db: (client: Client) => Drizzle<Client>, options: Timing) => Drizzle<Client> & Flushable,
): Pair {
  return pair<Drizzle<Client>>({
    name,
    engine,
    open: (url) => db(open(url)),
    flushing: (url, options) => wrap(() => open(url), db, options),
    ask: async (client) => client.execute(question),
    end: (client) => client.$client.end(),
  })
}

function prismaMariadb(url: string): MysqlPrismaClient {
  const { hostname: host, port, username: user, password, pathname } = new URL(url)
  const config = { host, port: Number(port), user, password, database: pathname.slice(1), connectionLimit: max }
  return new MysqlPrismaClient({ adapter: new PrismaMariaDb(config) })
}

const wrapPostgresJs = (open: () => Sql, db: (sql: Sql) => Drizzle<Sql>, options: Timing) =>
  flushingPostgresJs(open, db, options)
const wrapNodePostgres = (open: () => Pool, db: (pool: Pool) => Drizzle<Pool>, options: Timing) =>
  flushingNodePostgres(open, db, options)
const wrapMysql2 = (open: () => MysqlPool, db: (pool: MysqlPool) => Drizzle<MysqlPool>, options: Timing) =>
  flushingDrizzleMysql2(open, db, options)

/** Every client of the conformance suite. */
export const pairs: readonly Pair[] = [
  pair<Sql>({
    name: 'postgres',
    engine: 'postgres',
    open: openSql,
    flushing: (url, options) => flushingPostgres(() => openSql(url), options),
    ask: (sql) => sql`select 1 as one`,
    end: (sql) => sql.end(),
  }),
  drizzlePair('drizzle/postgres-js', 'postgres', openSql, (client) => drizzlePostgresJs(client), wrapPostgresJs),
  drizzlePair('drizzle-rc/postgres-js', 'postgres', openSql, (client) => rcPostgresJs({ client }), wrapPostgresJs),
  pair<Pool>({
    name: 'pg',
    engine: 'postgres',
    open: openPool,
    flushing: (url, options) => flushingPool(() => openPool(url), options),
    ask: (pool) => pool.query(question),
    end: (pool) => pool.end(),
  }),
  drizzlePair('drizzle/node-postgres', 'postgres', openPool, (pool) => drizzleNodePostgres(pool), wrapNodePostgres),
  drizzlePair(
    'drizzle-rc/node-postgres',
    'postgres',
    openPool,
    (client) => rcNodePostgres({ client }),
    wrapNodePostgres,
  ),
  pair<Kysely<Record<string, never>>>({
    name: 'kysely',
    engine: 'postgres',
    open: (url) => new Kysely({ dialect: new PostgresDialect({ pool: openPool(url) }) }),
    flushing(url, options) {
      const pool = flushingPool(() => openPool(url), options)
      const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
      return Object.assign(db, { $flush: pool.$flush })
    },
    ask: (db) => db.executeQuery(CompiledQuery.raw(question)),
    end: (db) => db.destroy(),
  }),
  pair<Pick<PrismaClient, '$queryRaw' | '$disconnect'>>({
    name: 'prisma/adapter-pg',
    engine: 'postgres',
    open: (url) => new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) }),
    flushing: (url, options) =>
      flushingPrisma(new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) }), options),
    ask: (prisma) => prisma.$queryRaw`select 1 as one`,
    end: (prisma) => prisma.$disconnect(),
  }),
  pair<ReturnType<typeof createCallbackPool>>({
    name: 'mysql2',
    engine: 'mariadb',
    open: (uri) => createCallbackPool({ uri, connectionLimit: max }),
    flushing: (uri, options) => flushingMysql2(() => createCallbackPool({ uri, connectionLimit: max }), options),
    ask: (pool) =>
      new Promise((resolve, reject) =>
        pool.query(question, (error, rows) => (error === null ? resolve(rows) : reject(error))),
      ),
    end: (pool) => new Promise<void>((resolve, reject) => pool.end((error) => (error ? reject(error) : resolve()))),
  }),
  pair<MysqlPool>({
    name: 'mysql2/promise',
    engine: 'mariadb',
    open: openMysql,
    flushing: (url, options) => flushingMysql2(() => openMysql(url), options),
    ask: (pool) => pool.query(question),
    end: (pool) => pool.end(),
  }),
  drizzlePair('drizzle/mysql2', 'mariadb', openMysql, (pool) => drizzleMysql2(pool), wrapMysql2),
  drizzlePair('drizzle-rc/mysql2', 'mariadb', openMysql, (client) => rcMysql2({ client }), wrapMysql2),
  pair<Pick<MysqlPrismaClient, '$queryRaw' | '$disconnect'>>({
    name: 'prisma/adapter-mariadb',
    engine: 'mariadb',
    open: prismaMariadb,
    flushing: (url, options) => flushingPrisma(prismaMariadb(url), options),
    ask: (prisma) => prisma.$queryRaw`select 1 as one`,
    end: (prisma) => prisma.$disconnect(),
  }),
]
