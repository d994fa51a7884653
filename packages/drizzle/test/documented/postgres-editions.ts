import type { Options } from '@periodic-flush/core'
import * as orm from 'drizzle-orm'
import { Cache } from 'drizzle-orm/cache/core'
import { drizzle as drizzleNodePg } from 'drizzle-orm/node-postgres'
import { migrate as migrateNodePg } from 'drizzle-orm/node-postgres/migrator'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import * as core from 'drizzle-orm/pg-core'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { migrate as migratePostgresJs } from 'drizzle-orm/postgres-js/migrator'
import * as ormRc from 'drizzle-orm-rc'
import { Cache as CacheRc } from 'drizzle-orm-rc/cache/core'
import { drizzle as drizzleNodePgRc } from 'drizzle-orm-rc/node-postgres'
import { migrate as migrateNodePgRc } from 'drizzle-orm-rc/node-postgres/migrator'
import * as coreRc from 'drizzle-orm-rc/pg-core'
import { drizzle as drizzlePostgresJsRc } from 'drizzle-orm-rc/postgres-js'
import { migrate as migratePostgresJsRc } from 'drizzle-orm-rc/postgres-js/migrator'
import { Pool } from 'pg'
import postgres, { type Sql } from 'postgres'
import { withPeriodicFlush as withPg } from '../../src/node-postgres.ts'
import { withPeriodicFlush as withPostgres } from '../../src/postgres-js.ts'

export type Database = PgDatabase<PgQueryResultHKT, Record<string, never>> & { readonly $client: unknown }
export type Flushed = Database & ReturnType<typeof withPg>

/** A version of Drizzle on a driver: what both versions can do is told of in the types of 0.45. */
export interface Edition {
  readonly version: '0.45' | '1.0'
  readonly driver: 'node-postgres' | 'postgres-js'
  readonly orm: typeof orm
  readonly core: typeof core
  readonly Cache: typeof Cache
  migrate(db: Database, config: { migrationsFolder: string }): Promise<unknown>
  bare(url: string, config: object): Database
  flushing(url: string, config: object, options: Options<unknown>): Flushed
  end(db: Database): Promise<unknown>
  transaction(db: Database, work: (tx: Database) => Promise<unknown>): Promise<unknown>
}

type Drizzle = (config: { client: unknown }) => Database

const onNodePg = (drizzle: Drizzle) => ({
  driver: 'node-postgres' as const,
  bare: (url: string, config: object) => drizzle({ client: new Pool({ connectionString: url, max: 3 }), ...config }),
  flushing: (url: string, config: object, options: Options<unknown>) =>
    withPg(
      () => new Pool({ connectionString: url, max: 3 }),
      (client) => drizzle({ client, ...config }),
      options,
    ) as unknown as Flushed,
  end: (db: Database) => (db.$client as Pool).end(),
})

const onPostgresJs = (drizzle: Drizzle) => ({
  driver: 'postgres-js' as const,
  bare: (url: string, config: object) => drizzle({ client: postgres(url, { max: 3, onnotice: () => {} }), ...config }),
  flushing: (url: string, config: object, options: Options<unknown>) =>
    withPostgres(
      () => postgres(url, { max: 3, onnotice: () => {} }),
      (client) => drizzle({ client, ...config }),
      options,
    ) as unknown as Flushed,
  end: (db: Database) => (db.$client as Sql).end({ timeout: 5 }),
})

const transaction = (db: Database, work: (tx: Database) => Promise<unknown>) =>
  db.transaction((tx) => work(tx as unknown as Database))

const old = { version: '0.45' as const, orm, core, Cache, transaction }
const rc = { version: '1.0' as const, orm: ormRc, core: coreRc, Cache: CacheRc, transaction }

export const editions = [
  { ...old, ...onNodePg(drizzleNodePg as never), migrate: migrateNodePg },
  { ...old, ...onPostgresJs(drizzlePostgresJs as never), migrate: migratePostgresJs },
  { ...rc, ...onNodePg(drizzleNodePgRc as never), migrate: migrateNodePgRc },
  { ...rc, ...onPostgresJs(drizzlePostgresJsRc as never), migrate: migratePostgresJsRc },
] as unknown as readonly Edition[]
