import type { Flusher, FlushOptions, FlushReport, Options } from '@periodic-flush/core'
import { shown } from '@periodic-flush/core'
import { type FlushingSql, type Types, withPeriodicFlush as wrap } from '@periodic-flush/postgres'
import type { Sql } from 'postgres'

/** What a flushed database has beside its own members. */
export interface Flushing<T extends Types = Types> {
  /** Flushes now; resolves once the old client is gone or its deadline has come. */
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  /** The schedule: `stats()`, `on(event, listener)`, `pause()`, `resume()`, `close()`. */
  readonly $flusher: Flusher<Sql<T>>
}

/**
 * A Drizzle database that does not stay glued to yesterday's server.
 *
 * ```ts
 * const db = withPeriodicFlush(() => postgres(url), (client) => drizzle(client, { schema }))
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
): Database & Flushing<T> {
  if (typeof factory !== 'function') {
    throw new TypeError(`Expected a function that returns a postgres.js client, got ${shown(factory)}`)
  }
  if (typeof database !== 'function') {
    throw new TypeError(`Expected a function that returns a Drizzle database, got ${shown(database)}`)
  }
  const client = wrap(factory, options)
  const { $flush, $flusher } = client
  return Object.defineProperties(database(client), {
    $flush: { value: $flush },
    $flusher: { value: $flusher },
  }) as Database & Flushing<T>
}
