import { EventEmitter } from 'node:events'
import { Stream } from 'node:stream'
import { inspect } from 'node:util'
import {
  createFlusher,
  type Flusher,
  type FlushOptions,
  type FlushReport,
  type LeaseKind,
  type Making,
  type Options,
  PeriodicFlushError,
  verifyFactory,
  verifyOptions,
} from '@periodic-flush/core'
import pg, { type Pool, type PoolOptions } from 'pg'
import { Checkout, type Connected } from './checkout.ts'
import { isOwned, ownedPool, pgDriver } from './driver.ts'
import { Factory } from './factory.ts'
import { StableOptions } from './options.ts'
import { PooledQuery, type Settle } from './pooled-query.ts'
import { atEndOf, hearClose, isSubmittable, once, refuse, type Submittable } from './submittable.ts'
import { Turns, type Use } from './turns.ts'

/** A pool that is flushed: a `pg.Pool`, plus two members. */
export type FlushingPool = Pool & {
  /** Flushes now; resolves once the old pool is gone or its deadline has come. */
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  /** The schedule: `stats()`, `on(event, listener)`, `pause()`, `resume()`, `close()`. */
  readonly $flusher: Flusher<Pool>
}

/**
 * A `pg.Pool` that does not stay glued to yesterday's database: at every flush `factory` makes a fresh pool, which looks
 * its host up anew, and the old one finishes what it has begun.
 *
 * @param factory makes a new pool at each call, as in `() => new Pool(config)`; it may be async, to fetch credentials.
 * It is called once at once, which opens no connection, and once more if the first use is more than `intervalMs` later.
 * @throws TypeError for a factory that is not a function; TypeError or RangeError for wrong options;
 * PeriodicFlushError UNSUPPORTED_CLIENT for a factory that returns anything but a new pool (an async one: at first use).
 */
export function withPeriodicFlush(factory: () => Pool | Promise<Pool>, options: Options<Pool> = {}): FlushingPool {
  verifyFactory(factory, making)
  verifyOptions(options)
  return new FacadePool(factory, options) as unknown as FlushingPool
}

const making: Making = {
  makes: 'a new pg.Pool',
  as: 'new Pool(config)',
  isClient: (value) => value instanceof EventEmitter && 'query' in value,
}

/** Natively a pool waits for running work without end. */
const FOREVER = 2 ** 31 - 1

const FORWARDED = ['connect', 'acquire', 'remove', 'release'] as const

/** `pg`'s own class, without the types of the members that are replaced here. */
const NativePool = pg.Pool as unknown as new () => EventEmitter

/** Those who ask whether this is a pool look at its class, or (Drizzle) for "Pool" in the name of that. */
class FacadePool extends NativePool {
  declare Promise: PromiseConstructor
  declare readonly options: PoolOptions
  declare ending: boolean
  declare ended: boolean
  readonly #flusher: Flusher<Pool>
  readonly #turns: Turns
  readonly #options: StableOptions
  /** Every pool that may hold connections. */
  readonly #pools = new Set<Pool>()
  /** The pool that was opened last: it goes on showing its options when none is current. */
  #latest: Pool | undefined

  constructor(make: () => unknown, options: Options<Pool>) {
    super()
    const factory = new Factory(make, options)
    const driver = pgDriver(
      () => factory.open(),
      (pool) => this.#adopt(pool),
      (pool, error) => this.#flusher.failed(pool, error),
    )
    this.#flusher = createFlusher(driver, options)
    this.#options = new StableOptions(
      () => this.#told,
      () => this.#serving,
    )
    this.#turns = new Turns(this.#flusher, this.#options.view)
    Object.defineProperties(this, {
      // What JSON shows must not hold a password.
      options: { value: this.#options.view, enumerable: false },
      $flush: { value: (given?: FlushOptions) => this.#flusher.flush(given) },
      $flusher: { value: this.#flusher },
    })
    if (factory.first !== undefined) this.#resemble(factory.first)
  }

  get totalCount(): number {
    return this.#sum('totalCount')
  }

  get idleCount(): number {
    return this.#sum('idleCount')
  }

  get expiredCount(): number {
    return this.#sum('expiredCount')
  }

  get waitingCount(): number {
    return this.#sum('waitingCount') + this.#turns.waiting
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (typeof config === 'function') return Reflect.apply(pg.Pool.prototype.query, this, [config])
    // pg takes whatever is falsy for none.
    const given = ((typeof values === 'function' ? values : callback) || undefined) as Settle | undefined
    const parameters = typeof values === 'function' ? undefined : values
    // A plain `Query` without a callback takes the pool's: then it is a statement like any other.
    if (isSubmittable(config) && (config.callback !== undefined || !(config instanceof pg.Query))) {
      return this.#submit(config, given && once(given))
    }
    if (given !== undefined) {
      this.#run(config, parameters, given)
      return undefined
    }
    return new this.Promise((resolve, reject) => {
      this.#run(config, parameters, (error, result) => (error ? reject(error) : resolve(result)))
    }).catch(rethrow)
  }

  connect(callback?: Connected): unknown {
    if (callback) return this.#checkOut('reserved', callback)
    return new this.Promise((resolve, reject) => {
      this.#checkOut('reserved', (error, client) => (error ? reject(error) : resolve(client)))
    }).catch(rethrow)
  }

  end(callback?: (error?: Error) => void): unknown {
    if (this.ending) {
      const error = new Error('Called end on pool more than once')
      return callback ? callback(error) : this.Promise.reject(error)
    }
    this.ending = true
    const ended = this.#end()
    if (!callback) return this.Promise.resolve(ended)
    ended.then(() => callback())
    return undefined
  }

  /** A method of pg-pool for itself, that nothing keeps its users from calling. */
  newClient(): never {
    throw new PeriodicFlushError(
      'UNSUPPORTED_CLIENT',
      'pool.newClient() is internal to pg-pool and has no meaning on a flushing pool; use pool.connect()',
    )
  }

  /** Its options may hold a password. */
  [inspect.custom](): string {
    return `FlushingPool ${inspect(this.#flusher.stats())}`
  }

  #run(config: unknown, values: unknown, settle: Settle): void {
    this.#begin(new PooledQuery(this.#flusher, config, values, settle))
  }

  #checkOut(kind: LeaseKind, connected: Connected): void {
    this.#begin(new Checkout(this.#flusher, kind, connected))
  }

  #begin(use: Use): void {
    if (this.ending) use.cut(new Error('Cannot use a pool after calling end on the pool'))
    else this.#turns.give(use)
  }

  /** A cursor or a stream has its connection until it is closed, or read to its end, or has failed. */
  #submit(query: Submittable, settle: Settle | undefined): Submittable {
    const closedEarly = hearClose(query)
    this.#checkOut(query instanceof Stream ? 'stream' : 'cursor', (error, client, release) => {
      const closed = closedEarly()
      if (client === undefined || release === undefined) return refuse(query, error, settle)
      if (closed) return release()
      atEndOf(query, (failure) => {
        release(failure)
        // A cursor never calls it.
        if (failure !== undefined) settle?.(failure)
      })
      Reflect.apply(client.query, client, [query, undefined, settle])
    })
    return query
  }

  async #end(): Promise<void> {
    // Natively those who wait would do so for ever.
    await this.#turns.allServed()
    await this.#flusher.close({ deadlineMs: FOREVER })
    this.ended = true
  }

  get #serving(): Pool | undefined {
    return this.#flusher.current() ?? this.#latest
  }

  /** What the pool that serves was told. */
  get #told(): object | undefined {
    const pool = this.#serving
    if (pool === undefined) return undefined
    return isOwned(pool) ? ownedPool(pool).told : pool.options
  }

  /** Takes on a new pool, before anything connects. */
  #adopt(pool: Pool): void {
    this.#resemble(pool)
    this.#options.applyTo(pool)
    for (const old of this.#pools) if (old.ended) this.#pools.delete(old)
    this.#pools.add(pool)
    for (const event of FORWARDED) pool.on(event, (...args: unknown[]) => this.emit(event, ...args))
    pool.on('error', (error, client) => {
      // Natively this ends the process where nobody listens. What becomes of an old pool is nobody's business.
      if (!pool.ending && this.listenerCount('error') > 0) this.emit('error', error, client)
    })
  }

  #resemble(pool: Pool): void {
    this.#latest = pool
    // pg's types do not tell of these.
    for (const member of ['Client', 'Promise', 'log']) Reflect.set(this, member, Reflect.get(pool, member))
  }

  #sum(count: 'totalCount' | 'idleCount' | 'expiredCount' | 'waitingCount'): number {
    let sum = 0
    for (const pool of this.#pools) sum += pool[count] ?? 0
    return sum
  }
}

/** As pg does: the stack leads back to whoever asked, not to the socket that the answer came from. */
function rethrow(error: Error): never {
  Error.captureStackTrace(error)
  throw error
}
