import type { Options } from '@periodic-flush/core'
import { type FlushingPool, withPeriodicFlush as wrap } from '@periodic-flush/pg'
import type { Pool } from 'pg'
import { type Call, clientFactory, verifyArguments } from './arguments.ts'
import { type Flushing, flushingDatabase } from './database.ts'

// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Flusher, FlusherStats, FlushOptions, FlushReport } from '@periodic-flush/core'
export type { FlushingPool } from '@periodic-flush/pg'
export type { Flushing } from './database.ts'

const call: Call = { client: 'a new pg.Pool', factory: 'new Pool(config)' }

/**
 * A Drizzle database that does not stay glued to yesterday's server.
 *
 * ```ts
 * const db = withPeriodicFlush(() => new Pool(config), (client) => drizzle({ client, schema }))
 * ```
 *
 * @param factory makes a new `pg.Pool` at each call; it may be async, to fetch credentials.
 * @param database makes the Drizzle database; called once, with a pool that stays the same over all flushes.
 * @throws TypeError or RangeError for wrong arguments; PeriodicFlushError UNSUPPORTED_CLIENT for a factory that returns
 * anything but a new pool.
 */
export function withPeriodicFlush<Database extends object>(
  factory: () => Pool | Promise<Pool>,
  database: (client: FlushingPool) => Database,
  options: Options<Pool> = {},
): Database & Flushing<Pool> {
  verifyArguments(call, factory, database)
  return flushingDatabase(call, wrap(clientFactory(call, factory), options), database)
}
