import { inspect } from 'node:util'
import type { Flusher, Lease } from '@periodic-flush/core'
import { Checkout } from './checkout.ts'
import { type Command, type Connected, type Connection, type Lender, NativePool } from './native.ts'
import type { OpenedPool } from './opened-pool.ts'
import type { Settings } from './settings.ts'

/**
 * mysql2's own pool, except that its connections are those of the pool that serves at the moment. All else (`query`,
 * `execute`, streams, `promise()`) natively leads through `getConnection`, so it needs no other way here.
 */
export class FacadePool<Pool> extends NativePool {
  readonly #flusher: Flusher<Pool>
  readonly #opened: (pool: Pool) => OpenedPool
  readonly #settings: Settings
  /** What mysql2's own `query` and `execute` run on. */
  readonly #single: Lender
  #ended = false
  /** How many connections are back that have yet to answer: natively they are free. */
  #answering = 0

  constructor(settings: Settings, flusher: Flusher<Pool>, opened: (pool: Pool) => OpenedPool) {
    const { config } = settings
    // No connection idles in it, so it needs no timer that looks for those.
    super({ config: { ...config, maxIdle: config.connectionLimit } })
    this.#settings = settings
    this.#flusher = flusher
    this.#opened = opened
    this.#single = {
      config,
      getConnection: (callback: Connected) => this.#checkOut(new Checkout('query'), callback),
    }
    Object.defineProperties(this, {
      // What JSON shows must not hold a password.
      config: { value: config, enumerable: false },
      _closed: { get: () => flusher.closed },
    })
  }

  override getConnection(callback: Connected): void {
    this.#checkOut(new Checkout('reserved', this.#counted), callback)
  }

  override releaseConnection(connection: Connection): void {
    connection.release()
  }

  override query(sql: unknown, values?: unknown, callback?: unknown): Command {
    if (typeof callback === 'function' || typeof values === 'function') {
      return super.query.call(this.#single, sql, values, callback)
    }
    const stream = new Checkout('stream')
    const single: Lender = {
      config: this.#settings.config,
      getConnection: (callback: Connected) => this.#checkOut(stream, callback),
    }
    const command = super.query.call(single, sql, values, callback)
    stream.command = command
    // One that has failed read-only has been told so when mysql2 destroys its connection.
    command.once('end', () => {
      stream.command = undefined
    })
    return command
  }

  override execute(sql: unknown, values?: unknown, callback?: unknown): void {
    super.execute.call(this.#single, sql, values, callback)
  }

  /** Natively it throws what has nobody to hear it; here that is an event of the flusher. */
  override end(callback?: (error?: unknown) => void): void {
    this.#ended = true
    this.#flusher.close().then(() => callback?.(), callback)
  }

  /** Its settings may hold a password. */
  [inspect.custom](): string {
    return `FlushingPool ${inspect(this.#flusher.stats())}`
  }

  #checkOut(checkout: Checkout, callback: Connected): void {
    checkout.callback = callback
    let lease: Lease<Pool> | undefined
    try {
      if (this.#ended) throw poolIsClosed()
      lease = this.#flusher.tryAcquire(checkout)
      if (lease === undefined) this.#expectPatience()
    } catch (error) {
      process.nextTick(() => checkout.settle(error))
      return
    }
    if (lease !== undefined) {
      this.#start(checkout, lease)
      return
    }
    this.emit('enqueue')
    this.#flusher.acquireFor(checkout, {
      start: (turn) => this.#start(checkout, turn),
      // Later: what one caller throws must not keep the others from hearing of it.
      fail: (error) => process.nextTick(() => checkout.settle(this.#ended ? poolIsClosed() : error)),
    })
  }

  readonly #counted = (by: 1 | -1): void => {
    this.#answering += by
  }

  #start(checkout: Checkout, lease: Lease<Pool>): void {
    checkout.start(lease, this.#opened(lease.client))
  }

  /**
   * Throws natively where a pool whose connections are all busy may let nobody wait, or nobody else. Whoever waits for a
   * flush alone is let wait: natively there is none.
   */
  #expectPatience(): void {
    const { waitForConnections, queueLimit, connectionLimit } = this.#settings.config
    if (waitForConnections && queueLimit === 0) return
    const { leases, waiting, retiring } = this.#flusher.stats()
    const out = retiring.reduce((sum, generation) => sum + generation.leases, leases) - this.#answering
    // Natively those have a connection that wait here until it has answered.
    const served = Math.min(waiting, this.#answering)
    if (out + served < connectionLimit || connectionLimit === 0) return
    if (!waitForConnections) throw new Error('No connections available.')
    if (waiting - served >= queueLimit) throw new Error('Queue limit reached.')
  }
}

/** In mysql2's words. */
function poolIsClosed(): Error {
  return new Error('Pool is closed.')
}
