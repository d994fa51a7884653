import type { Flusher, FlushOptions, FlushReport, Options } from '@periodic-flush/core'
import { withPeriodicFlush as drizzleOnMysql2 } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as drizzleOnPg } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush as drizzleOnPostgresJs } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as onMysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as onPg } from '@periodic-flush/pg'
import { withPeriodicFlush as onPostgresJs } from '@periodic-flush/postgres'
import { withPeriodicFlush as onPrisma } from '@periodic-flush/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle as onPoolOfMysql2 } from 'drizzle-orm/mysql2'
import { drizzle as onPool } from 'drizzle-orm/node-postgres'
import { drizzle as onSql } from 'drizzle-orm/postgres-js'
import * as callbacks from 'mysql2'
import { createPool } from 'mysql2/promise'
import { Pool, type PoolConfig } from 'pg'
import postgres from 'postgres'
import { PrismaClient } from '../prisma/generated/client.ts'
import { PrismaClient as PrismaClientOnMysql } from '../prisma/mysql/generated/client.ts'

/** How a client talks TLS. */
export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
}

/** Where a client connects, as whom, and how. */
export interface Settings {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly ssl?: Tls | undefined
  /** How long a client waits that tries again by itself, in milliseconds. Default 300. */
  readonly patienceMs?: number
  /** Everything of it but `ssl` in one string, which is used instead. */
  readonly url?: string | undefined
}

/** A wrapped client. */
export interface Opened {
  /** The first column of the first row. */
  ask(sql: string): Promise<unknown>
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  readonly $flusher: Pick<Flusher<never>, 'name' | 'stats' | 'on' | 'close'>
  /** All that a user holds of it, and might print. */
  readonly held: Readonly<Record<string, unknown>>
}

export type ClientOptions = Omit<Options<never>, 'check'> & { readonly check?: boolean | (() => unknown) }

/** One client of which the tests are about. */
export interface SecureClient {
  readonly name: string
  readonly dialect: 'postgres' | 'mysql'
  /** Verifies a server's certificate only after it has logged in: then the server has seen the user's name. */
  readonly verifiesLate?: true
  /** Wraps a client; `settings` are asked for at every opening. */
  open(settings: () => Settings, options: ClientOptions): Opened
  /** Wraps a factory that gives the same client each time. */
  openSame(settings: Settings, options: ClientOptions): Opened
}

const max = 2

const firstOf = (row: unknown): unknown => Object.values(row ?? {})[0]

function pgConfig({ url, ssl, patienceMs: _, ...settings }: Settings): PoolConfig {
  const where = url === undefined ? settings : { connectionString: url }
  return { ...where, max, ...(ssl && { ssl }) }
}

function sqlOf({ url, ssl, host, port, user, password, database }: Settings): postgres.Sql {
  const options = { max, onnotice: () => {}, ...(ssl && { ssl }) }
  return url === undefined ? postgres({ host, port, user, password, database, ...options }) : postgres(url, options)
}

function mysqlConfig({ url, ssl, patienceMs: _, ...settings }: Settings): callbacks.PoolOptions {
  const where = url === undefined ? settings : { uri: url }
  // Without `verifyIdentity` mysql2 does not look at the name in the certificate.
  const verified = ssl?.rejectUnauthorized === false ? ssl : { ...ssl, verifyIdentity: true }
  return { ...where, connectionLimit: max, ...(ssl && { ssl: verified }) }
}

function mariadbConfig({ url, ssl, patienceMs = 300, ...settings }: Settings) {
  if (url !== undefined)
    return `${url.replace(/^mysql:/, 'mariadb:')}?connectionLimit=${max}&acquireTimeout=${patienceMs}`
  return { ...settings, connectionLimit: max, acquireTimeout: patienceMs, ...(ssl && { ssl: { ...ssl } }) }
}

type Raw = Pick<PrismaClient, '$queryRawUnsafe'>

const prisma = (
  name: string,
  dialect: SecureClient['dialect'],
  adapterOf: (settings: Settings) => PrismaPg | PrismaMariaDb,
  clientOf: (adapter: PrismaPg | PrismaMariaDb) => PrismaClient,
): Pick<SecureClient, 'name' | 'dialect' | 'open' | 'openSame'> => {
  const wrapped = (
    connect: () => ReturnType<PrismaPg['connect']>,
    adapter: PrismaPg | PrismaMariaDb,
    options: ClientOptions,
  ) => {
    adapter.connect = connect as never
    const client = onPrisma(clientOf(adapter), options as never)
    const ask = async (sql: string) => firstOf((await (client as Raw).$queryRawUnsafe<object[]>(sql))[0])
    return { ask, $flush: client.$flush, $flusher: client.$flusher, held: { $flusher: client.$flusher } } as Opened
  }
  return {
    name,
    dialect,
    open: (settings, options) =>
      wrapped(() => adapterOf(settings()).connect() as never, adapterOf(settings()), options),
    openSame(settings, options) {
      const same = adapterOf(settings).connect()
      return wrapped(() => same as never, adapterOf(settings), options)
    },
  }
}

const pgLike = (name: string, wrap: (factory: () => Pool, options: ClientOptions) => Opened): SecureClient => ({
  name,
  dialect: 'postgres',
  open: (settings, options) => wrap(() => new Pool(pgConfig(settings())), options),
  openSame(settings, options) {
    const same = new Pool(pgConfig(settings))
    return wrap(() => same, options)
  },
})

const postgresLike = (
  name: string,
  wrap: (factory: () => postgres.Sql, options: ClientOptions) => Opened,
): SecureClient => ({
  name,
  dialect: 'postgres',
  open: (settings, options) => wrap(() => sqlOf(settings()), options),
  openSame(settings, options) {
    const same = sqlOf(settings)
    return wrap(() => same, options)
  },
})

type PromisePool = ReturnType<typeof createPool>

const mysqlLike = (
  name: string,
  wrap: (factory: () => PromisePool, options: ClientOptions) => Opened,
): SecureClient => ({
  name,
  dialect: 'mysql',
  open: (settings, options) => wrap(() => createPool(mysqlConfig(settings())), options),
  openSame(settings, options) {
    const same = createPool(mysqlConfig(settings))
    return wrap(() => same, options)
  },
})

const callbackMysql = (factory: () => callbacks.Pool, options: ClientOptions): Opened => {
  const pool = onMysql2(factory, options as never)
  const ask = (sql: string) =>
    new Promise<unknown>((resolve, reject) => {
      pool.query<callbacks.RowDataPacket[]>(sql, (error, rows) => (error ? reject(error) : resolve(firstOf(rows[0]))))
    })
  return { ask, $flush: pool.$flush, $flusher: pool.$flusher as never, held: { pool, $flusher: pool.$flusher } }
}

export const clients: readonly SecureClient[] = [
  pgLike('pg', (factory, options) => {
    const pool = onPg(factory, options as never)
    const ask = async (sql: string) => firstOf((await pool.query(sql)).rows[0])
    return { ask, $flush: pool.$flush, $flusher: pool.$flusher as never, held: { pool, $flusher: pool.$flusher } }
  }),
  postgresLike('postgres', (factory, options) => {
    const sql = onPostgresJs(factory, options as never)
    const ask = async (text: string) => firstOf((await sql.unsafe(text))[0])
    return { ask, $flush: sql.$flush, $flusher: sql.$flusher as never, held: { sql, $flusher: sql.$flusher } }
  }),
  pgLike('drizzle/node-postgres', (factory, options) => {
    const db = drizzleOnPg(factory, (pool) => onPool(pool), options as never)
    const ask = async (text: string) => firstOf((await db.execute(text)).rows[0])
    return {
      ask,
      $flush: db.$flush,
      $flusher: db.$flusher as never,
      held: { $client: db.$client, $flusher: db.$flusher },
    }
  }),
  postgresLike('drizzle/postgres-js', (factory, options) => {
    const db = drizzleOnPostgresJs(factory, (sql) => onSql(sql), options as never)
    const ask = async (text: string) => firstOf((await db.execute(text))[0])
    return {
      ask,
      $flush: db.$flush,
      $flusher: db.$flusher as never,
      held: { $client: db.$client, $flusher: db.$flusher },
    }
  }),
  prisma(
    'prisma/adapter-pg',
    'postgres',
    (settings) => new PrismaPg(pgConfig(settings)),
    (adapter) => new PrismaClient({ adapter }),
  ),
  {
    name: 'mysql2',
    dialect: 'mysql',
    open: (settings, options) => callbackMysql(() => callbacks.createPool(mysqlConfig(settings())), options),
    openSame(settings, options) {
      const same = callbacks.createPool(mysqlConfig(settings))
      return callbackMysql(() => same, options)
    },
  },
  mysqlLike('mysql2/promise', (factory, options) => {
    const pool = onMysql2(factory, options as never)
    const ask = async (sql: string) => firstOf((await pool.query<callbacks.RowDataPacket[]>(sql))[0][0])
    return { ask, $flush: pool.$flush, $flusher: pool.$flusher as never, held: { pool, $flusher: pool.$flusher } }
  }),
  mysqlLike('drizzle/mysql2', (factory, options) => {
    const db = drizzleOnMysql2(factory, (pool) => onPoolOfMysql2(pool), options as never)
    const ask = async (text: string) => {
      const [rows] = await db.execute(text)
      return Array.isArray(rows) ? firstOf(rows[0]) : undefined
    }
    return {
      ask,
      $flush: db.$flush,
      $flusher: db.$flusher as never,
      held: { $client: db.$client, $flusher: db.$flusher },
    }
  }),
  {
    ...prisma(
      'prisma/adapter-mariadb',
      'mysql',
      (settings) => new PrismaMariaDb(mariadbConfig(settings)),
      (adapter) => new PrismaClientOnMysql({ adapter }) as unknown as PrismaClient,
    ),
    verifiesLate: true,
  },
]
