import type { Options } from '@periodic-flush/core'
import * as orm from 'drizzle-orm'
import { Cache } from 'drizzle-orm/cache/core'
import type { MySqlDatabase } from 'drizzle-orm/mysql-core'
import * as core from 'drizzle-orm/mysql-core'
import { drizzle, type MySql2PreparedQueryHKT, type MySql2QueryResultHKT } from 'drizzle-orm/mysql2'
import { migrate } from 'drizzle-orm/mysql2/migrator'
import * as ormRc from 'drizzle-orm-rc'
import { Cache as CacheRc } from 'drizzle-orm-rc/cache/core'
import * as coreRc from 'drizzle-orm-rc/mysql-core'
import { drizzle as drizzleRc } from 'drizzle-orm-rc/mysql2'
import { migrate as migrateRc } from 'drizzle-orm-rc/mysql2/migrator'
import { createPool } from 'mysql2'
import * as promise from 'mysql2/promise'
import { withPeriodicFlush } from '../../src/mysql2.ts'

export type Database = MySqlDatabase<MySql2QueryResultHKT, MySql2PreparedQueryHKT, Record<string, never>> & {
  readonly $client: promise.Pool
}
export type Flushed = ReturnType<typeof withPeriodicFlush<promise.Pool, Database>>

/** A version of Drizzle on a flavour of mysql2: what both versions can do is told of in the types of 0.45. */
export interface Edition {
  readonly version: '0.45' | '1.0'
  readonly flavour: 'promise' | 'callback'
  readonly orm: typeof orm
  readonly core: typeof core
  readonly Cache: typeof Cache
  migrate(db: Database, config: { migrationsFolder: string }): Promise<unknown>
  bare(url: string, config: object): Database
  flushing(url: string, config: object, options: Options<never>): Flushed
  end(db: Database): Promise<unknown>
  transaction(db: Database, work: (tx: Database) => Promise<unknown>): Promise<unknown>
}

const transaction = (db: Database, work: (tx: Database) => Promise<unknown>) =>
  db.transaction((tx) => work(tx as unknown as Database))

const config = (uri: string) => ({ uri, connectionLimit: 3, timezone: 'Z' })
const flavours = {
  promise: {
    pool: (url: string) => promise.createPool(config(url)),
    end: (db: Database) => db.$client.end(),
  },
  callback: {
    pool: (url: string) => createPool(config(url)),
    end: (db: Database) => new Promise((resolve) => Reflect.apply(db.$client.end, db.$client, [resolve])),
  },
}
const versions = {
  '0.45': { orm, core, Cache, drizzle, migrate },
  '1.0': { orm: ormRc, core: coreRc, Cache: CacheRc, drizzle: drizzleRc, migrate: migrateRc },
}

function editionOf(version: '0.45' | '1.0', flavour: 'promise' | 'callback'): Edition {
  const { pool, end } = flavours[flavour]
  const parts = versions[version]
  const made = parts.drizzle as unknown as (config: object) => Database
  const edition = {
    ...parts,
    version,
    flavour,
    end,
    transaction,
    bare: (url: string, given: object) => made({ ...given, client: pool(url) }),
    flushing: (url: string, given: object, options: Options<never>) =>
      withPeriodicFlush(
        () => pool(url) as promise.Pool,
        (client) => made({ ...given, client }),
        options as Options<promise.Pool>,
      ),
  }
  return edition as unknown as Edition
}

export const editions = [editionOf('0.45', 'promise'), editionOf('0.45', 'callback'), editionOf('1.0', 'promise')]
