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
 * A pool of the mariadb connector with what its events tell of its connections.
 *
 * It fills itself at once, and opens another connection for each that one closes: only its end makes it smaller. That
 * closes what is idle at once and the rest as it is given back, but fails whoever waits for a connection, and kills ten
 * seconds later what is still in use. So it ends as soon as nobody waits in it, and what is in use is left alone.
 */
export class WatchedMariadbPool {
  readonly #pool: MariadbPool
  readonly #sockets = new Map<MariadbConnection, Socket>()
  /** What has been handed out; the pool itself counts also what it only tries out. */
  readonly #busy = new Set<MariadbConnection>()
  /** Who waits for a socket to close. */
  readonly #closings: (() => void)[] = []
  #endpoints: readonly Endpoint[] = []
  #dispose = async (): Promise<void> => {}
  #state: 'serving' | 'retiring' | 'ending' = 'serving'

  constructor(pool: MariadbPool) {
    this.#pool = pool
    pool.on('connection', (connection) => this.#see(connection))
    pool.on('acquire', (connection) => {
      // Those that were opened before anybody could listen.
      this.#see(connection)
      this.#busy.add(connection)
      if (this.#state === 'retiring') this.retire().catch(() => {})
    })
    pool.on('release', (connection) => this.#busy.delete(connection))
  }

  /**
   * Serves from now on, also again: a pool that is left to its owner outlives its end here.
   *
   * @param dispose ends the pool, unless that is left to its owner.
   */
  serve(dispose: () => Promise<void>): void {
    this.#dispose = dispose
    this.#state = 'serving'
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

  /** Closes what is idle now, and the rest as it is given back, unless somebody waits in the pool: then later. */
  async retire(): Promise<void> {
    if (this.#state === 'ending') return
    this.#state = 'retiring'
    if (this.#pool.taskQueueSize() > 0 || this.#pool.activeConnections() > this.#busy.size) return
    await this.#end()
  }

  /** Closes everything, when nothing is in use; resolves when the server has seen it off, unless it is left to its owner. */
  async close(): Promise<void> {
    if (this.#state !== 'ending') await this.#end()
    if (!this.#pool.closed) return
    while (this.#sockets.size > 0) await new Promise<void>((resolve) => this.#closings.push(resolve))
  }

  /** Drops every socket. One that is still connecting is dropped by the connector, when it is or at its time-out. */
  cut(): void {
    if (this.#state !== 'ending') this.#end().catch(() => {})
    // With an error, or the connector would not notice.
    for (const socket of this.#sockets.values()) socket.destroy(new Error('Connection terminated'))
  }

  #end(): Promise<void> {
    this.#state = 'ending'
    return this.#dispose()
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
    connection.destroy = () => {
      if (this.#state !== 'ending' || !this.#pool.closed) destroy.call(connection)
    }
  }
}
