import { isPromise } from 'node:util/types'
import { FirstMade, type Options, PeriodicFlushError, shown } from '@periodic-flush/core'
import type { Pool } from 'pg'
import { isOwned } from './driver.ts'
import { isPgPool } from './owned-pool.ts'

/** The user's factory, called once at once: what it returns tells whether it is one, and serves at first. */
export class Factory {
  /** The first pool; undefined with an async factory. */
  readonly first: Pool | undefined
  readonly #make: () => unknown
  readonly #unused: FirstMade<Pool | Promise<Pool>>

  /** @throws UNSUPPORTED_CLIENT for a factory that returns anything but a new pool, or a promise. */
  constructor(make: () => unknown, options: Pick<Options, 'intervalMs'>) {
    this.#make = make
    const first = this.#call()
    this.#unused = new FirstMade(first, options)
    // What failed before anybody needed it is tried again by whoever does.
    if (isPromise(first)) first.catch(() => this.#unused.drop())
    else this.first = first
  }

  /** A new pool. */
  open(): Pool | Promise<Pool> {
    return this.#unused.take() ?? this.#call()
  }

  #call(): Pool | Promise<Pool> {
    const made = this.#make()
    return isPromise(made) ? made.then(verified) : verified(made)
  }
}

function verified(value: unknown): Pool {
  const unsupported = (what: string): PeriodicFlushError =>
    new PeriodicFlushError('UNSUPPORTED_CLIENT', `Expected the factory to return a new pg.Pool, got ${what}`)
  if (!isPgPool(value)) throw unsupported(shown(value))
  const { max } = value.options
  if (!(Number(max) >= 1)) throw unsupported(`one whose \`max\` is ${shown(max)}; it takes a number from 1`)
  if ('$flusher' in value) throw unsupported('one that is flushed already')
  const pool = value as unknown as Pool & { readonly Client: { readonly prototype: object } }
  // Only libpq's client has this, and pg-pool tells them apart by it too.
  if ('isConnected' in pool.Client.prototype) {
    throw unsupported('one of pg.native, whose connections cannot be counted or dropped; use the JavaScript client')
  }
  // Vercel's stands on Neon's.
  if ('neonConfig' in pool.Client.prototype) {
    throw unsupported(
      'one of @neondatabase/serverless or @vercel/postgres, whose connections are WebSockets that cannot be dropped; use the Pool of pg, which those servers take too',
    )
  }
  if (pool.totalCount > 0 && !isOwned(pool)) {
    throw unsupported('one that has connected already; each flush connects and checks it itself')
  }
  return pool
}
