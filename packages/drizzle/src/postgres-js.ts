import type { Options } from '@periodic-flush/core'
import { type FlushingSql, type Types, withPeriodicFlush as wrap } from '@periodic-flush/postgres'
import type { Sql } from 'postgres'
import { type Call, clientFactory, verifyArguments } from './arguments.ts'
import { type Flushing, flushingDatabase } from './database.ts'

// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Flusher, FlusherStats, FlushOptions, FlushReport } from '@periodic-flush/core'
export type { FlushingSql, Types } from '@periodic-flush/postgres'
export type { Flushing } from './database.ts'

const call: Call = { client: 'a new postgres.js client', factory: 'postgres(url)' }

/**
 * A Drizzle database that does not stay glued to yesterday's server.
 *
 * ```ts
 * const db = withPeriodicFlush(() => postgres(url), (client) => drizzle({ client, schema }))
 * ```
 *
 * @param factory makes a new postgres.js client at each call.
 * @param database makes the Drizzle database; called once, with a client that stays the same over all flushes.
 * @throws TypeError or RangeError for wrong arguments; PeriodicFlushError UNSUPPORTED_CLIENT for a factory that returns
 * anything but a new postgres.js client.
 */
export function withPeriodicFlush<T extends Types, Database extends object>(
  factory: () => Sql<T>,
  database: (client: FlushingSql<T>) => Database,
  options: Options<Sql<T>> = {},
): Database & Flushing<Sql<T>> {
  verifyArguments(call, factory, database)
  return flushingDatabase(call, wrap(clientFactory(call, factory), options), database)
}
