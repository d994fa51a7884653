import type { Options } from '@periodic-flush/core'
import { type MariadbServer, type PostgresServer, startMariadb, startPostgres } from '@periodic-flush/testing'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { mariadbInstalled } from '../../../../test/mariadb-installed.ts'
import { PrismaClient as MysqlClient } from '../../../../test/prisma/documented/mysql/generated/client.ts'
import { type Prisma, PrismaClient } from '../../../../test/prisma/documented/postgresql/generated/client.ts'
import { type Flushable, withPeriodicFlush } from '../../src/index.ts'
import { mysqlTables, postgresqlTables, rows } from './tables.ts'

export type Settings = Omit<Prisma.PrismaClientOptions, 'adapter' | 'accelerateUrl'>
export type Client = PrismaClient<Prisma.LogLevel>

/** What a use gets: a client, or the one inside a transaction. */
export type Within = Prisma.TransactionClient

/** One of the two databases that the documentation is held against. */
export interface Engine {
  readonly name: 'postgresql' | 'mysql'
  readonly installed: boolean
  start(): Promise<PostgresServer | MariadbServer>
  /** An adapter factory with three connections; for MariaDB, how long one may take. */
  factory(url: string, acquireTimeout?: number): SqlDriverAdapterFactory
  client(adapter: SqlDriverAdapterFactory, settings?: Settings): Client
  readonly tables: readonly string[]
}

const postgresql: Engine = {
  name: 'postgresql',
  installed: true,
  start: () => startPostgres(),
  factory: (connectionString) => new PrismaPg({ connectionString, max: 3 }),
  // Whatever levels the settings log: a test listens only to those.
  client: (adapter, settings) => new PrismaClient({ ...settings, adapter }) as Client,
  tables: postgresqlTables,
}

const mysql: Engine = {
  name: 'mysql',
  installed: mariadbInstalled,
  start: () => startMariadb(),
  factory(url, acquireTimeout = 60_000) {
    const { hostname: host, port, username: user, password, pathname } = new URL(url)
    return new PrismaMariaDb({
      ...{ host, port: Number(port), user, password, database: pathname.slice(1) },
      ...{ connectionLimit: 3, acquireTimeout, connectTimeout: 5_000 },
    })
  },
  // Its schema has the same models, except for what only PostgreSQL has; what a use of those gives is compared all the same.
  client: (adapter, settings) => new MysqlClient({ ...(settings as object), adapter }) as unknown as Client,
  tables: mysqlTables,
}

export const engines: readonly Engine[] = [postgresql, mysql].filter(({ installed }) => installed)

/** A server with the documented models for a describe block, and clients that are disconnected after each test. */
export interface Stage {
  readonly server: PostgresServer | MariadbServer
  /** Puts the rows back that there were at first. */
  reset(): Promise<void>
  bare(settings?: Settings, adapter?: SqlDriverAdapterFactory): Client
  flushing(
    options?: Options<SqlDriverAdapter>,
    settings?: Settings,
    adapter?: SqlDriverAdapterFactory,
  ): Client & Flushable
  /** Keeps a client until all tests have run. */
  lasting<Kept extends { $disconnect(): Promise<void> }>(client: Kept): Kept
  /** Disconnects a client after the test. */
  closing<Closed extends { $disconnect(): Promise<void> }>(client: Closed): Closed
}

export function stage(engine: Engine): Stage {
  let server: PostgresServer | MariadbServer | undefined
  const open: { $disconnect(): Promise<void> }[] = []
  const kept: typeof open = []
  const started = () => {
    if (server === undefined) throw new Error('the server is started before the tests run')
    return server
  }
  beforeAll(async () => {
    server = await engine.start()
    for (const table of engine.tables) await server.query(table)
  })
  afterEach(() => Promise.all(open.splice(0).map((client) => client.$disconnect())))
  afterAll(async () => {
    await Promise.all(kept.map((client) => client.$disconnect()))
    await server?.stop()
  })
  return {
    get server() {
      return started()
    },
    async reset() {
      for (const statement of rows(engine.name)) await started().query(statement)
    },
    bare(settings = {}, adapter = engine.factory(started().url())) {
      return this.closing(engine.client(adapter, settings))
    },
    flushing(options = {}, settings = {}, adapter = engine.factory(started().url())) {
      const prisma = withPeriodicFlush(engine.client(adapter, settings), { intervalMs: false, ...options })
      return this.closing(prisma)
    },
    lasting(client) {
      open.splice(open.indexOf(client), 1)
      kept.push(client)
      return client
    },
    closing(client) {
      open.push(client)
      return client
    },
  }
}

export const swapped = { wait: 'swapped' } as const

/** What a call gives, or all that its error tells. */
export async function outcome(work: () => unknown): Promise<unknown> {
  try {
    return { gave: await work() }
  } catch (error) {
    if (!(error instanceof Error)) return { threw: error }
    const { name, message } = error
    return { failed: error.constructor.name, ...error, name, message }
  }
}

/** Without what is different each time: how long something took, and on which connection. */
export const withoutFigures = (seen: unknown): unknown =>
  JSON.parse(
    JSON.stringify(seen, (key, value) => {
      if (key === 'timeTaken') return undefined
      if (typeof value === 'bigint') return `${value}n`
      return typeof value === 'string' ? value.replace(/\d+ ?ms/g, 'n ms').replace(/conn:\d+/g, 'conn:n') : value
    }),
  )

/** Sees to it that `work` gives with a flushing client what it gives with a bare one, and gives that. */
export async function alike(
  on: Stage,
  work: (prisma: Client, flush: () => Promise<unknown>) => unknown,
  { settings = {}, factory = () => undefined }: Surroundings = {},
): Promise<unknown> {
  await on.reset()
  const bare = on.bare(settings, factory())
  const expected = withoutFigures(await outcome(() => work(bare, async () => {})))
  await on.reset()
  const flushing = on.flushing({}, settings, factory())
  expect(withoutFigures(await outcome(() => work(flushing, () => flushing.$flush(swapped))))).toEqual(expected)
  await expect.poll(() => flushing.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0, failures: 0 })
  return expected
}

interface Surroundings {
  readonly settings?: Settings
  readonly factory?: () => SqlDriverAdapterFactory | undefined
}
