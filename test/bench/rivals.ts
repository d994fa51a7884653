import { failover, nameMoved, type Options } from '@periodic-flush/core'
import { withPeriodicFlush as flushingDrizzle } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as flushingMysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as flushingPool } from '@periodic-flush/pg'
import { withPeriodicFlush as flushingPostgres } from '@periodic-flush/postgres'
import { withPeriodicFlush as flushingPrisma } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { createPool, type Pool as MysqlPool, type RowDataPacket } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres, { type Sql } from 'postgres'
import { PrismaClient } from '../prisma/generated/client.ts'
import { type AwsPool, awsMysqlPool, awsPgPool } from './aws-wrapper.ts'

/** How many connections each client may have. */
export const POOL = 10

/** Between flushes, re-creations and the driver's own renewals. */
export const INTERVAL_MS = 1_000

/** How long ours wait for the work on an old client. */
export const DEADLINE_MS = 500

/** A client under load in one way of keeping up with its servers. */
export interface Contender {
  /** Writes row `n`; gives the address of the server that took it. */
  write(n: number): Promise<string | undefined>
  /** The smallest query. */
  ask(): Promise<unknown>
  end(): Promise<unknown>
}

/** The ways of keeping up, from nothing to ours. */
export const ways = ['bare', 'max-lifetime', 're-created', 'aws-wrapper', 'ours-interval', 'ours-triggers'] as const

export type Way = (typeof ways)[number]

/** One client, in all ways. */
export interface Rival {
  readonly name: string
  /** The kind of server it talks to. */
  readonly engine: 'postgres' | 'mariadb'
  /** Whether it sends statements on connections that still wait for an answer. */
  readonly pipelines: boolean
  /** Opens it; undefined where the client has no such way. `intervalMs`: between renewals, whoever does them. */
  contender(way: Way, url: string, intervalMs?: number): Contender | undefined
}

/** Of our options, those that have nothing to do with the kind of client. */
type Settings = Omit<Options, 'check'>

/** What has to be known of a client. */
interface Kind<Client> extends Omit<Rival, 'contender'> {
  /** `lifetimeSeconds` is the driver's own option, where it has one. */
  open(url: string, lifetimeSeconds?: number): Client
  readonly hasLifetime: boolean
  flushing(url: string, settings: Settings): Client
  write(client: Client, n: number): Promise<string | undefined>
  ask(client: Client): Promise<unknown>
  /** The same client as the AWS wrapper makes it, where it can. */
  aws?(url: string, lifetimeSeconds: number): Contender
  /** As people close it: what is running may end. */
  close(client: Client): Promise<unknown>
}

function rival<Client>(kind: Kind<Client>): Rival {
  const fixed = (client: Client): Contender => ({
    write: (n) => kind.write(client, n),
    ask: () => kind.ask(client),
    end: () => kind.close(client),
  })
  const recreated = (url: string, intervalMs: number): Contender => {
    const closing: Promise<unknown>[] = []
    let client = kind.open(url)
    const timer = setInterval(() => {
      const old = client
      client = kind.open(url)
      closing.push(kind.close(old).catch(() => {}))
    }, intervalMs)
    return {
      write: (n) => kind.write(client, n),
      ask: () => kind.ask(client),
      end() {
        clearInterval(timer)
        return Promise.all([kind.close(client), ...closing])
      },
    }
  }
  const ours = (url: string, settings: Settings): Contender =>
    fixed(kind.flushing(url, { deadlineMs: DEADLINE_MS, ...settings }))
  const { name, engine, pipelines } = kind
  return {
    name,
    engine,
    pipelines,
    contender(way, url, intervalMs = INTERVAL_MS) {
      const seconds = intervalMs / 1_000
      if (way === 'bare') return fixed(kind.open(url))
      if (way === 'max-lifetime') return kind.hasLifetime ? fixed(kind.open(url, seconds)) : undefined
      if (way === 're-created') return recreated(url, intervalMs)
      if (way === 'aws-wrapper') return kind.aws?.(url, seconds)
      if (way === 'ours-interval') return ours(url, { intervalMs })
      const triggers = [nameMoved({ pollMs: 250 }), failover()]
      return ours(url, { intervalMs: false, require: 'writable', triggers })
    },
  }
}

const entry = pgTable('entry', { n: integer().primaryKey(), server: text() })

/** How long `end` lets a postgres.js client finish what runs, in seconds: without it, it would drop nothing ever. */
const farewell = { timeout: 5 }

const openSql = (url: string, lifetimeSeconds?: number): Sql =>
  postgres(url, { max: POOL, ...(lifetimeSeconds !== undefined && { max_lifetime: lifetimeSeconds }) })

function poolConfig(url: string, lifetimeSeconds?: number) {
  return {
    connectionString: url,
    max: POOL,
    ...(lifetimeSeconds !== undefined && { maxLifetimeSeconds: lifetimeSeconds }),
  }
}

export function openPool(url: string, lifetimeSeconds?: number): Pool {
  const pool = new Pool(poolConfig(url, lifetimeSeconds))
  // Without a listener an idle connection that breaks ends the process.
  pool.on('error', () => {})
  return pool
}

const insert = 'insert into entry (n) values ($1) returning server'
const mysqlInsert = 'insert into entry (n, server) values (?, @@bind_address) returning server'
const question = 'select 1 as one'

function throughAws(pool: AwsPool, insert: string): Contender {
  return {
    write: async (n) => (await pool.query(insert, [n]))[0]?.['server'] as string | undefined,
    ask: () => pool.query(question, []),
    end: () => pool.end(),
  }
}

export const rivals: readonly Rival[] = [
  rival<Sql>({
    name: 'postgres',
    engine: 'postgres',
    pipelines: true,
    hasLifetime: true,
    open: openSql,
    flushing: (url, settings) => flushingPostgres(() => openSql(url), settings),
    write: async (sql, n) =>
      (await sql<{ server: string }[]>`insert into entry (n) values (${n}) returning server`)[0]?.server,
    ask: (sql) => sql`select 1 as one`,
    close: (sql) => sql.end(farewell),
  }),
  rival<Pool>({
    name: 'pg',
    engine: 'postgres',
    pipelines: false,
    hasLifetime: true,
    open: openPool,
    flushing: (url, settings) => flushingPool(() => openPool(url), settings),
    write: async (pool, n) => (await pool.query<{ server: string }>(insert, [n])).rows[0]?.server,
    ask: (pool) => pool.query(question),
    aws: (url, lifetimeSeconds) => throughAws(awsPgPool(url, { max: POOL, lifetimeSeconds }), insert),
    close: (pool) => pool.end(),
  }),
  rival<MysqlPool>({
    name: 'mysql2/promise',
    engine: 'mariadb',
    pipelines: false,
    hasLifetime: false,
    open: (uri) => createPool({ uri, connectionLimit: POOL }),
    flushing: (uri, settings) => flushingMysql2(() => createPool({ uri, connectionLimit: POOL }), settings),
    async write(pool, n) {
      const [rows] = await pool.query<RowDataPacket[]>(mysqlInsert, [n])
      return rows[0]?.['server']
    },
    ask: (pool) => pool.query(question),
    aws: (uri) => throughAws(awsMysqlPool(uri, POOL), mysqlInsert),
    close: (pool) => pool.end(),
  }),
  rival<PostgresJsDatabase & { readonly $client: Sql }>({
    name: 'drizzle/postgres-js',
    engine: 'postgres',
    pipelines: true,
    hasLifetime: true,
    open: (url, lifetimeSeconds) => drizzle(openSql(url, lifetimeSeconds)),
    flushing: (url, settings) =>
      flushingDrizzle(
        () => openSql(url),
        (client) => drizzle(client),
        settings,
      ),
    async write(db, n) {
      // The server's own default says where it is.
      const [row] = await db.insert(entry).values({ n }).returning({ server: entry.server })
      return row?.server ?? undefined
    },
    ask: async (db) => db.execute(question),
    close: (db) => db.$client.end(farewell),
  }),
  rival<Pick<PrismaClient, '$queryRaw' | '$disconnect'>>({
    name: 'prisma/adapter-pg',
    engine: 'postgres',
    pipelines: false,
    hasLifetime: true,
    open: (url, lifetimeSeconds) => new PrismaClient({ adapter: new PrismaPg(poolConfig(url, lifetimeSeconds)) }),
    flushing: (url, settings) => flushingPrisma(new PrismaClient({ adapter: new PrismaPg(poolConfig(url)) }), settings),
    async write(prisma, n) {
      const rows = await prisma.$queryRaw<{ server: string }[]>`insert into entry (n) values (${n}) returning server`
      return rows[0]?.server
    },
    ask: (prisma) => prisma.$queryRaw`select 1 as one`,
    close: (prisma) => prisma.$disconnect(),
  }),
]
