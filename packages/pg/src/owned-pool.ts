import type { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Endpoint, obeys, type Rule, verifyValue } from '@periodic-flush/core'
import { patienceOf } from './patience.ts'

/** What this file needs of a `pg.Pool`, told by its shape: there may be several copies of the package. */
export interface PgPool {
  readonly options: PgPoolOptions
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  /** From its end on. */
  readonly ending?: boolean
  connect(): Promise<PgPoolClient>
  on(event: 'error', listener: () => void): unknown
  on(event: 'connect', listener: (client: PgPoolClient) => void): unknown
  end(): Promise<void>
}

/** A client that such a pool hands out. */
export interface PgPoolClient {
  /** Missing in pg-native. It tells of every error that the server sends, whoever asked, and of its end. */
  readonly connection?: EventEmitter
  query(text: string): Promise<{ readonly rows: readonly unknown[] }>
  release(destroy?: Error | boolean): void
  on(event: 'end' | 'error', listener: (error?: unknown) => void): unknown
}

/** What such a pool was told. */
export interface PgPoolOptions {
  /** A string too, as from an environment variable: pg only compares it. */
  readonly max: number | string
  /** How long a caller waits for a connection; 0 or undefined: for ever. */
  readonly connectionTimeoutMillis?: number | undefined
  /** In `pg` also one that is ready to connect; the types know only the function. */
  stream?: unknown
}

type Streams = (config?: unknown) => Duplex | undefined

/** The client class of a pool; every pool has it, though its types do not tell. */
interface WithClient {
  readonly Client: new (config: object) => { readonly host: string; readonly port: number }
}

const pgPool: Rule = {
  expected: 'a pg.Pool',
  kind: (value) => {
    if (typeof value !== 'object' || value === null) return false
    const { options, totalCount, connect, end, Client } = value as Partial<PgPool & WithClient>
    const isPool =
      typeof totalCount === 'number' && [connect, end, Client].every((member) => typeof member === 'function')
    return isPool && typeof options === 'object' && 'max' in options
  },
}

/** Whether something is a pool of node-postgres. Never throws. */
export function isPgPool(value: unknown): value is PgPool {
  return obeys(value, pgPool)
}

/**
 * A pool whose sockets we own: they can be counted, and dropped without waiting for a server that answers nothing
 * (node-postgres has no way to do so).
 *
 * The pool must be new: connections that it has already are not known here.
 */
export class OwnedPool {
  readonly pool: PgPool
  /** The pool's options as its owner gave them, without what is put into them here. */
  readonly told: PgPoolOptions
  readonly #sockets = new Set<Duplex>()
  /** Who waits for a socket to close. */
  readonly #closings: (() => void)[] = []
  /** Who waits for a connection that the pool closes by itself: one for each, at most. */
  readonly #partings: (() => void)[] = []
  /** Idle connections that are being closed here. */
  #leaving = 0
  #endpoints: readonly Endpoint[] | undefined

  /** @param failed is called with whatever fails on a connection, whoever hears of it besides. */
  constructor(pool: PgPool, failed: (error: unknown) => void = () => {}) {
    verifyValue('pool', pool, pgPool)
    this.pool = pool
    // With the password, which pg keeps out of sight by a property that a spread would miss.
    this.told = Object.defineProperties({ max: pool.options.max }, Object.getOwnPropertyDescriptors(pool.options))
    const own = pool.options.stream as Duplex | Streams | undefined
    const stream: Streams = (config) => this.#track((typeof own === 'function' ? own(config) : own) ?? new Socket())
    // pg reads this for each connection that it opens.
    pool.options.stream = stream
    // An idle connection of a retired pool may die with nobody left to hear, and so may one that is checked out and is
    // cut: neither must end the process. Whoever waits on it hears of it all the same.
    pool.on('error', () => {})
    pool.on('connect', (client) => {
      client.on('error', failed)
      client.connection?.on('errorMessage', failed)
      if (client.connection !== undefined) closeCursorsAtEnd(client.connection)
    })
  }

  /** How many connections the pool may hold: as natively, without end where its `max` is no number. */
  get limit(): number {
    const max = Number(this.pool.options.max)
    return Number.isNaN(max) ? Number.POSITIVE_INFINITY : max
  }

  /** How long a caller waits for a connection, in milliseconds; undefined: for ever. */
  get patience(): number | undefined {
    return patienceOf(this.pool.options)
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** Connections that the pool has closed by itself and that the server has not seen off yet. */
  get #parting(): number {
    return this.#sockets.size - this.pool.totalCount - this.#leaving
  }

  /**
   * Once a connection was given back: where the pool does not keep it, as after an error, resolves when it is closed. Natively
   * whoever waits in the pool waits for that.
   */
  parting(): Promise<void> | undefined {
    if (this.#parting <= this.#partings.length) return undefined
    return new Promise((resolve) => this.#partings.push(resolve))
  }

  get peers(): readonly string[] {
    return [...this.#sockets].flatMap((socket) =>
      socket instanceof Socket && socket.remoteAddress !== undefined
        ? [`${socket.remoteAddress}:${socket.remotePort}`]
        : [],
    )
  }

  /** Where pg would connect: from a connection string, single options, PG* variables or its defaults. */
  get endpoints(): readonly Endpoint[] {
    this.#endpoints ??= this.#resolve()
    return this.#endpoints
  }

  /** Asks one statement; when `signal` aborts, every socket is dropped. */
  async ask(text: string, signal: AbortSignal): Promise<readonly unknown[]> {
    const abort = (): void => this.cut()
    signal.throwIfAborted()
    signal.addEventListener('abort', abort, { once: true })
    try {
      // Not by the pool's own `query`, which waits for ever where a class of the user's own has an async `connect`.
      const client = await this.pool.connect()
      try {
        const { rows } = await client.query(text)
        client.release()
        return rows
      } catch (error) {
        client.release(error as Error)
        throw error
      }
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Holds `count` connections at once, then gives them back. */
  async warm(count: number, signal: AbortSignal): Promise<void> {
    const held: PgPoolClient[] = []
    try {
      while (held.length < count && !signal.aborted) held.push(await this.pool.connect())
    } finally {
      for (const connection of held) connection.release()
    }
  }

  /** Closes up to `count` idle connections; resolves when the server has seen them off. */
  async shrink(count: number): Promise<void> {
    const closings: Promise<void>[] = []
    // A checkout takes its idle connection only at the next tick, and counts as waiting until then.
    while (closings.length < count && this.pool.idleCount > this.pool.waitingCount) closings.push(this.#closeIdle())
    await Promise.all(closings)
  }

  /** Resolves when no socket is left: the pool's own `end()` does not wait for that. */
  async closed(): Promise<void> {
    while (this.#sockets.size > 0) await new Promise<void>((resolve) => this.#closings.push(resolve))
  }

  /** Drops every socket; the pool itself may go on. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Drops every socket, and lets the pool clear its timers. */
  cut(): void {
    this.drop()
    // Ended already, or ending: there is nothing more to do.
    this.pool.end().catch(() => {})
  }

  async #closeIdle(): Promise<void> {
    const client = await this.pool.connect()
    const ended = new Promise<void>((resolve) => client.on('end', () => resolve()))
    this.#leaving++
    client.release(true)
    await ended
    this.#leaving--
  }

  #track(socket: Duplex): Duplex {
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      for (const resolve of this.#closings.splice(0)) resolve()
      while (this.#partings.length > Math.max(0, this.#parting)) this.#partings.shift()?.()
    })
    return socket
  }

  #resolve(): readonly Endpoint[] {
    const { Client } = this.pool as PgPool & WithClient
    // It only resolves its options; without a stream of its own it would seem to be one more connection.
    const { host, port } = new Client({ ...this.told, stream: new Socket() })
    return host.startsWith('/') ? [] : [{ host, port }]
  }
}

/**
 * A cursor that is closed, as each is that fails, waits until its connection is ready for the next query: once that has
 * ended, for ever, and a stream or a generator on the cursor with it. It is told at once.
 */
function closeCursorsAtEnd(connection: EventEmitter): void {
  connection.once('end', () => {
    for (const waiting of connection.rawListeners('readyForQuery')) if ('listener' in waiting) waiting()
    connection.on('newListener', (event: string | symbol, waiting: () => void) => {
      if (event === 'readyForQuery') process.nextTick(waiting)
    })
  })
}
