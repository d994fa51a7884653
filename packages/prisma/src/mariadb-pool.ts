import type { Socket } from 'node:net'
import type { Endpoint } from '@periodic-flush/core'

/** A pool of the mariadb connector, as far as this package touches it; all of it is documented. */
export interface MariadbPool {
  /** From its end on. */
  readonly closed: boolean
  activeConnections(): number
  totalConnections(): number
  taskQueueSize(): number
  on(event: 'acquire' | 'connection' | 'release', listener: (connection: MariadbConnection) => void): unknown
}

/** What such a pool's events tell of: the connector's own connection, of which its types show less. */
export interface MariadbConnection {
  readonly socket?: Socket
  readonly opts?: { readonly host?: string; readonly port?: number; readonly socketPath?: string }
  destroy(): void
  once(event: 'end', listener: () => void): unknown
}

/** Whether something is a pool of the mariadb connector. */
export function isMariadbPool(value: unknown): value is MariadbPool {
  if (typeof value !== 'object' || value === null) return false
  const { activeConnections, totalConnections, taskQueueSize, on } = value as Partial<MariadbPool>
  return [activeConnections, totalConnections, taskQueueSize, on].every((member) => typeof member === 'function')
}

/**
 * A pool of the mariadb connector with what its events tell of its connections. One of the user's may have several
 * clients on it, and connections in use elsewhere.
 */
export class WatchedMariadbPool {
  readonly #pool: MariadbPool
  readonly #sockets = new Map<MariadbConnection, Socket>()
  /** What has been handed out; the pool itself counts also what it only tries out. */
  readonly #busy = new Set<MariadbConnection>()
  /** Who waits for a socket to close. */
  readonly #closings: (() => void)[] = []
  /** Who is told whenever a connection is handed out. */
  readonly #listeners: (() => void)[] = []
  #endpoints: readonly Endpoint[] = []
  /** Ended here, and not by an owner of its own. */
  #ended = false

  constructor(pool: MariadbPool) {
    this.#pool = pool
    pool.on('connection', (connection) => this.#see(connection))
    pool.on('acquire', (connection) => {
      // Those that were opened before anybody could listen.
      this.#see(connection)
      this.#busy.add(connection)
      for (const listener of this.#listeners) listener()
    })
    pool.on('release', (connection) => this.#busy.delete(connection))
  }

  get connections(): number {
    return this.#pool.totalConnections()
  }

  /** Undefined while none is known. */
  get peers(): readonly string[] | undefined {
    const peers = [...this.#sockets.values()].flatMap(({ remoteAddress, remotePort }) =>
      remoteAddress === undefined ? [] : [`${remoteAddress}:${remotePort}`],
    )
    return peers.length === 0 ? undefined : peers
  }

  /** Where it has connected to; empty until then. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** Whether somebody waits for a connection: in its queue, or while one is tried out. */
  get awaited(): boolean {
    return this.#pool.taskQueueSize() > 0 || this.#pool.activeConnections() > this.#busy.size
  }

  /** Calls `listener` whenever somebody has been given a connection, until the pool ends. */
  onAcquire(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** @param dispose ends the pool, unless that is left to its owner; what is in use then is left alone. */
  end(dispose: () => Promise<void>): Promise<void> {
    const { closed } = this.#pool
    const disposed = dispose()
    if (!closed && this.#pool.closed) this.#ended = true
    return disposed
  }

  /** Resolves when the server has seen off what was ended here. */
  async gone(): Promise<void> {
    if (!this.#ended) return
    while (this.#sockets.size > 0) await new Promise<void>((resolve) => this.#closings.push(resolve))
  }

  /** Drops every socket. One that is still connecting is dropped by the connector, when it is or at its time-out. */
  drop(): void {
    // With an error, or the connector would not notice.
    for (const socket of this.#sockets.values()) socket.destroy(new Error('Connection terminated'))
  }

  #see(connection: MariadbConnection): void {
    const { socket, opts } = connection
    if (socket === undefined || this.#sockets.has(connection)) return
    this.#sockets.set(connection, socket)
    const closed = () => {
      this.#sockets.delete(connection)
      this.#busy.delete(connection)
      for (const resolve of this.#closings.splice(0)) resolve()
    }
    socket.once('close', closed)
    // Of a connection that is lost, the connector takes all listeners off its socket.
    connection.once('end', closed)
    if (!opts?.socketPath && opts?.host !== undefined && opts.port !== undefined) {
      this.#endpoints = [{ host: opts.host, port: opts.port }]
    }
    const { destroy } = connection
    // The connector kills what is still in use ten seconds after an end.
    connection.destroy = () => {
      if (!this.#ended) destroy.call(connection)
    }
  }
}
