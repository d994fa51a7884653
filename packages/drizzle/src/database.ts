import type { Flusher, FlushOptions, FlushReport } from '@periodic-flush/core'
import { shown } from '@periodic-flush/core'

/** What a flushed database has beside its own members. */
export interface Flushing<Client> {
  /** Flushes now; resolves once the old client is gone or its deadline has come. */
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  /** The schedule: `stats()`, `on(event, listener)`, `pause()`, `resume()`, `close()`. */
  readonly $flusher: Flusher<Client>
}

/** @throws TypeError if what should make a client or a database is no function. */
export function verifyFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw new TypeError(`Expected a function that returns ${what}, got ${shown(value)}`)
}

/** A Drizzle database on a client that is flushed; it is made once, since the client stays the same. */
export function flushingDatabase<Client, Facade extends Flushing<Client>, Database extends object>(
  client: Facade,
  database: (client: Facade) => Database,
): Database & Flushing<Client> {
  const { $flush, $flusher } = client
  const made = database(client)
  if (typeof made !== 'object' || made === null) {
    throw new TypeError(`Expected the function to return a Drizzle database, got ${shown(made)}`)
  }
  Object.defineProperties(made, { $flush: { value: $flush }, $flusher: { value: $flusher } })
  return made as Database & Flushing<Client>
}
