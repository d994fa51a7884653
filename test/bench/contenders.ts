import { withPeriodicFlush as flushingDrizzleMysql2 } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as flushingNodePostgres } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush as flushingDrizzle } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as flushingMysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as flushingPool } from '@periodic-flush/pg'
import { withPeriodicFlush as flushingPostgres } from '@periodic-flush/postgres'
import { withPeriodicFlush as flushingPrisma } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { sql as text } from 'drizzle-orm'
import { drizzle as drizzleMysql2 } from 'drizzle-orm/mysql2'
import { drizzle as drizzleOnPool } from 'drizzle-orm/node-postgres'
import { drizzle } from 'drizzle-orm/postgres-js'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres from 'postgres'
import { PrismaClient } from '../prisma/generated/client.ts'

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
  /** The kind of server it talks to. Default: PostgreSQL. */
  readonly engine?: 'mariadb'
  bare(url: string): Contender
  wrapped(url: string): Flushed
}

const options = { intervalMs: false } as const
const max = 10

export const pairs: readonly Pair[] = [
  {
    name: 'postgres',
    bare(url) {
      const sql = postgres(url, { max })
      return { ask: () => sql`select 1 as one`, end: () => sql.end() }
    },
    wrapped(url) {
      const sql = flushingPostgres(() => postgres(url, { max }), options)
      return { ask: () => sql`select 1 as one`, end: () => sql.end(), flush: () => sql.$flush() }
    },
  },
  {
    name: 'drizzle/postgres-js',
    bare(url) {
      const db = drizzle(postgres(url, { max }))
      return { ask: () => db.execute(text`select 1 as one`), end: () => db.$client.end() }
    },
    wrapped(url) {
      const db = flushingDrizzle(
        () => postgres(url, { max }),
        (client) => drizzle(client),
        options,
      )
      return { ask: () => db.execute(text`select 1 as one`), end: () => db.$client.end(), flush: () => db.$flush() }
    },
  },
  {
    name: 'pg',
    bare(url) {
      const pool = new Pool({ connectionString: url, max })
      return { ask: () => pool.query('select 1 as one'), end: () => pool.end() }
    },
    wrapped(url) {
      const pool = flushingPool(() => new Pool({ connectionString: url, max }), options)
      return { ask: () => pool.query('select 1 as one'), end: () => pool.end(), flush: () => pool.$flush() }
    },
  },
  {
    name: 'drizzle/node-postgres',
    bare(url) {
      const db = drizzleOnPool(new Pool({ connectionString: url, max }))
      return { ask: () => db.execute(text`select 1 as one`), end: () => db.$client.end() }
    },
    wrapped(url) {
      const db = flushingNodePostgres(
        () => new Pool({ connectionString: url, max }),
        (client) => drizzleOnPool(client),
        options,
      )
      return { ask: () => db.execute(text`select 1 as one`), end: () => db.$client.end(), flush: () => db.$flush() }
    },
  },
  {
    name: 'prisma/adapter-pg',
    bare(url) {
      const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) })
      return { ask: () => prisma.$queryRaw`select 1 as one`, end: () => prisma.$disconnect() }
    },
    wrapped(url) {
      const adapter = new PrismaPg({ connectionString: url, max })
      const prisma = flushingPrisma(new PrismaClient({ adapter }), options)
      return {
        ask: () => prisma.$queryRaw`select 1 as one`,
        end: () => prisma.$disconnect(),
        flush: () => prisma.$flush(),
      }
    },
  },
  {
    name: 'mysql2/promise',
    engine: 'mariadb',
    bare(uri) {
      const pool = createPool({ uri, connectionLimit: max })
      return { ask: () => pool.query('select 1 as one'), end: () => pool.end() }
    },
    wrapped(uri) {
      const pool = flushingMysql2(() => createPool({ uri, connectionLimit: max }), options)
      return { ask: () => pool.query('select 1 as one'), end: () => pool.end(), flush: () => pool.$flush() }
    },
  },
  {
    name: 'drizzle/mysql2',
    engine: 'mariadb',
    bare(uri) {
      const db = drizzleMysql2(createPool({ uri, connectionLimit: max }))
      return { ask: () => db.execute(text`select 1 as one`), end: () => db.$client.end() }
    },
    wrapped(uri) {
      const db = flushingDrizzleMysql2(
        () => createPool({ uri, connectionLimit: max }),
        (client) => drizzleMysql2(client),
        options,
      )
      return { ask: () => db.execute(text`select 1 as one`), end: () => db.$client.end(), flush: () => db.$flush() }
    },
  },
]
