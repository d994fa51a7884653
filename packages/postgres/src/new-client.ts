import { isPromise } from 'node:util/types'
import { PeriodicFlushError, shown } from '@periodic-flush/core'
import { type Client, noop } from './client.ts'

/**
 * What a factory returned, seen to be a postgres.js client that nobody has wrapped yet.
 *
 * @throws PeriodicFlushError UNSUPPORTED_CLIENT, which says what it got.
 */
export function newClient(client: unknown): Client {
  const unsupported = (what: string): PeriodicFlushError =>
    new PeriodicFlushError('UNSUPPORTED_CLIENT', `Expected the factory to return a postgres.js client, got ${what}`)
  if (isPromise(client)) {
    client.catch(noop)
    throw unsupported(
      "a promise; postgres.js clients are synchronous: for fresh credentials use the driver's own `password` callback",
    )
  }
  if (typeof client !== 'function' || !('unsafe' in client)) throw unsupported(shown(client))
  if ('$flusher' in client) throw unsupported('one that is flushed already')
  if (!('begin' in client)) throw unsupported('a transaction or a reserved connection')
  return client as unknown as Client
}
