import type { Flusher, Lease, LeaseKind } from '@periodic-flush/core'
import type { Pool, PoolClient } from 'pg'
import { connectOn } from './pool-members.ts'
import type { Settle } from './pooled-query.ts'
import { hearLoss, isSubmittable, once, refuse } from './submittable.ts'
import type { Use } from './turns.ts'

export type Release = (destroy?: Error | boolean) => void
export type Connected = (error: Error | undefined, client?: PoolClient, done?: Release) => void

const nothing = (): void => {}

/**
 * A connection of one generation, from its checkout until its release: it holds the lease for that long.
 *
 * What is handed out is the pool's own client with a `release` that ends the lease too.
 */
export class Checkout implements Use {
  readonly #flusher: Flusher<Pool>
  readonly #kind: LeaseKind
  readonly #connected: Connected
  #client: PoolClient | undefined
  /** Takes what was put on the client off again. */
  #takeBack = nothing
  #cut: Error | undefined

  constructor(flusher: Flusher<Pool>, kind: LeaseKind, connected: Connected) {
    this.#flusher = flusher
    this.#kind = kind
    this.#connected = connected
  }

  /** A connection that stands in a transaction is reported as one. */
  get kind(): LeaseKind {
    // Newer versions of pg tell.
    const status = this.#client?.getTransactionStatus?.()
    return status === 'T' || status === 'E' ? 'transaction' : this.#kind
  }

  start(lease: Lease<Pool>): void {
    connectOn(lease.client, (error, client) => {
      // The caller has been told.
      if (this.#cut !== undefined) return client?.release()
      if (client === undefined) {
        this.#flusher.failed(lease.client, error)
        lease.release()
        return this.#connected(error, undefined, nothing)
      }
      this.#client = client
      const { query, release: giveBack } = client
      if (!hearing.has(query)) this.#put(client, heard(query.bind(client)))
      client.release = (destroy) => {
        // Once released the client may be somebody else's.
        if (this.#client !== undefined) this.#takeBack()
        // Throws if it was released before.
        giveBack(destroy)
        this.#client = undefined
        lease.release()
      }
      this.#connected(undefined, client, client.release)
    })
  }

  cut(error: Error): void {
    this.#cut = error
    const client = this.#client
    if (client === undefined) {
      this.#connected(error, undefined, nothing)
      return
    }
    // pg rejects whatever is pending on a client with the error of its stream.
    client.connection.stream.destroy(error)
    this.#takeBack()
    this.#put(client, refusing(error))
  }

  /** Until the release, unless somebody puts another one there meanwhile: that stays, as natively. */
  #put(client: PoolClient, query: PoolClient['query']): void {
    const own = Object.getOwnPropertyDescriptor(client, 'query')
    client.query = query
    this.#takeBack = () => {
      if (client.query !== query) return
      if (own === undefined) Reflect.deleteProperty(client, 'query')
      else Object.defineProperty(client, 'query', own)
    }
  }
}

/** Every `query` of {@link heard}: one that was left on its client hears already. */
const hearing = new WeakSet<PoolClient['query']>()

/** The `query` of a client, with the cursors that it gets made to hear of everything. */
function heard(query: PoolClient['query']): PoolClient['query'] {
  const hears = ((config: unknown, ...rest: unknown[]): unknown => {
    if (isSubmittable(config)) hearLoss(config)
    return Reflect.apply(query, undefined, [config, ...rest])
  }) as PoolClient['query']
  hearing.add(hears)
  return hears
}

/** The `query` of a client that was cut: rejects, in whatever form it is asked. */
function refusing(error: Error): PoolClient['query'] {
  const query = (config: unknown, ...rest: readonly unknown[]): unknown => {
    const given = rest.find((value) => typeof value === 'function') as Settle | undefined
    if (isSubmittable(config)) {
      refuse(config, error, given && once(given))
      return config
    }
    const callback = given ?? callbackOf(config)
    if (callback === undefined) return Promise.reject(error)
    process.nextTick(callback, error)
    return undefined
  }
  return query as PoolClient['query']
}

/** Where pg takes a callback too, though its types do not tell. */
function callbackOf(config: unknown): Settle | undefined {
  if (typeof config !== 'object' || config === null || !('callback' in config)) return undefined
  return typeof config.callback === 'function' ? (config.callback as Settle) : undefined
}
