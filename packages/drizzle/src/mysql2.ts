import { isPromise } from 'node:util/types'
import type { Options } from '@periodic-flush/core'
import { type AnyPool, type FlushingPool, withPeriodicFlush as wrap } from '@periodic-flush/mysql2'
import { type Call, clientFactory, verifyArguments } from './arguments.ts'
import { type Flushing, flushingDatabase } from './database.ts'

// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Flusher, FlusherStats, FlushOptions, FlushReport } from '@periodic-flush/core'
export type { AnyPool, FlushingPool } from '@periodic-flush/mysql2'
export type { Flushing } from './database.ts'

const call: Call = { client: 'a new mysql2 pool', factory: 'createPool(config)' }

/**
 * A Drizzle database that does not stay glued to yesterday's server.
 *
 * ```ts
 * const db = withPeriodicFlush(() => createPool(config), (client) => drizzle({ client, schema, mode: 'default' }))
 * ```
 *
 * @param factory makes a new mysql2 pool, of either flavour, at each call. It may be async, to fetch credentials: what is
 * returned is then a promise of the database.
 * @param database makes the Drizzle database; called once, with a pool that stays the same over all flushes.
 * @throws TypeError or RangeError for wrong arguments; PeriodicFlushError UNSUPPORTED_CLIENT for a factory that returns
 * anything but a new pool. An async factory makes the promise reject instead.
 */
export function withPeriodicFlush<Pool extends AnyPool, Database extends object>(
  factory: () => Promise<Pool>,
  database: (client: FlushingPool<Pool>) => Database,
  options?: Options<Pool>,
): Promise<Database & Flushing<Pool>>
export function withPeriodicFlush<Pool extends AnyPool, Database extends object>(
  factory: () => Pool,
  database: (client: FlushingPool<Pool>) => Database,
  options?: Options<Pool>,
): Database & Flushing<Pool>
export function withPeriodicFlush<Pool extends AnyPool, Database extends object>(
  factory: () => Pool,
  database: (client: FlushingPool<Pool>) => Database,
  options: Options<Pool> = {},
): (Database & Flushing<Pool>) | Promise<Database & Flushing<Pool>> {
  verifyArguments(call, factory, database)
  const client: FlushingPool<Pool> | Promise<FlushingPool<Pool>> = wrap(clientFactory(call, factory), options)
  if (!isPromise(client)) return flushingDatabase(call, client, database)
  return (client as Promise<FlushingPool<Pool>>).then((pool) => flushingDatabase(call, pool, database))
}
