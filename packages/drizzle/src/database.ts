import type { Flusher, FlushOptions, FlushReport } from '@periodic-flush/core'
import { type Call, verifyDatabase } from './arguments.ts'

/** What a flushed database has beside its own members. */
export interface Flushing<Client> {
  /** Flushes now; resolves once the old client is gone or its deadline has come. */
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  /** The schedule: `stats()`, `on(event, listener)`, `pause()`, `resume()`, `close()`. */
  readonly $flusher: Flusher<Client>
}

/** A Drizzle database on a client that is flushed; it is made once, since the client stays the same. */
export function flushingDatabase<Client, Facade extends Flushing<Client>, Database extends object>(
  call: Call,
  client: Facade,
  database: (client: Facade) => Database,
): Database & Flushing<Client> {
  const { $flush, $flusher } = client
  const made = database(client)
  verifyDatabase(call, made, client)
  // Like `$client`, they are there for whoever copies the database, as `withReplicas` does.
  return Object.assign(made, { $flush, $flusher })
}
