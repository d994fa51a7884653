import { Socket } from 'node:net'
import type { Endpoint } from '@periodic-flush/core'

/** What this package needs of a `pg.Pool`. */
export interface PgPool {
  readonly options: PgPoolOptions
  readonly totalCount: number
  readonly idleCount: number
  connect(): Promise<{ release(destroy?: boolean): void }>
  on(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

interface PgPoolOptions {
  readonly max: number
  readonly host?: string
  readonly port?: number
  readonly connectionString?: string
  readonly ssl?: unknown
  stream?: Socket | ((config: unknown) => Socket)
}

/** Whether something is a pool of node-postgres, told by its shape: there may be several copies of the package. */
export function isPgPool(value: unknown): value is PgPool {
  if (typeof value !== 'object' || value === null) return false
  const { options, totalCount, connect, end } = value as Partial<PgPool>
  const isPool = typeof totalCount === 'number' && typeof connect === 'function' && typeof end === 'function'
  return isPool && typeof options === 'object' && typeof options.max === 'number'
}

/**
 * A pool whose sockets we own: they can be counted, and dropped without waiting for a server that answers nothing
 * (node-postgres has no way to do so).
 */
export class OwnedPool {
  readonly pool: PgPool
  readonly #sockets = new Set<Socket>()
  /** Who waits for a socket to close. */
  readonly #closings: (() => void)[] = []

  constructor(pool: PgPool) {
    this.pool = pool
    const own = pool.options.stream
    // pg reads this for each connection that it opens.
    pool.options.stream = (config) => this.#track(typeof own === 'function' ? own(config) : (own ?? new Socket()))
    // An idle connection of a retired pool may die with nobody left to hear: that must not end the process.
    pool.on('error', () => {})
  }

  get connections(): number {
    return this.#sockets.size
  }

  get peers(): readonly string[] {
    return [...this.#sockets].flatMap(({ remoteAddress, remotePort }) =>
      remoteAddress === undefined ? [] : [`${remoteAddress}:${remotePort}`],
    )
  }

  get endpoints(): readonly Endpoint[] {
    const { host, port, connectionString } = this.pool.options
    if (connectionString === undefined) return host === undefined ? [] : [{ host, port: port ?? 5432 }]
    const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined
    return url === undefined || url.hostname === '' ? [] : [{ host: url.hostname, port: Number(url.port || 5432) }]
  }

  /** Holds `count` connections at once, then gives them back. */
  async warm(count: number, signal: AbortSignal): Promise<void> {
    const held: { release(): void }[] = []
    try {
      while (held.length < count && !signal.aborted) held.push(await this.pool.connect())
    } finally {
      for (const connection of held) connection.release()
    }
  }

  /** Closes up to `count` idle connections; resolves when the server has seen them off. */
  async shrink(count: number): Promise<void> {
    for (let closed = 0; closed < count && this.pool.idleCount > 0; closed++) {
      const connection = await this.pool.connect()
      const closing = this.#closing()
      connection.release(true)
      await closing
    }
  }

  /** Resolves when no socket is left: the pool's own `end()` does not wait for that. */
  async closed(): Promise<void> {
    while (this.#sockets.size > 0) await this.#closing()
  }

  /** Drops every socket, and lets the pool clear its timers. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    // Ended already, or ending: there is nothing more to do.
    this.pool.end().catch(() => {})
  }

  /** Resolves with the next socket that closes. */
  #closing(): Promise<void> {
    return new Promise((resolve) => this.#closings.push(resolve))
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      for (const resolve of this.#closings.splice(0)) resolve()
    })
    return socket
  }
}
