import { type Connected, type Connection, type NativePool, noop } from './native.ts'
import { Sockets } from './sockets.ts'

/** The events of a pool that concern one of its connections. */
export const CONNECTION_EVENTS = ['connection', 'acquire', 'release'] as const

/** Hears of what happens to the connections of a pool. */
export type Forward = (event: (typeof CONNECTION_EVENTS)[number], connection: Connection) => void

/** One pool with its sockets, its idle connections, and who has borrowed which. */
export class OpenedPool {
  readonly native: NativePool
  readonly sockets: Sockets
  readonly #idle = new Set<Connection>()
  /** What to call when a borrowed connection is back or lost. */
  readonly #loans = new WeakMap<Connection, () => void>()
  readonly #lost = new WeakSet<Connection>()
  #retiring = false

  constructor(native: NativePool, forward: Forward) {
    this.native = native
    this.sockets = new Sockets(native.config.connectionConfig)
    // Core queues. All that waits here is who comes while a connection that was given back is being reset.
    native.config.waitForConnections = true
    native.config.queueLimit = 0
    this.#watchReturns()
    native.on('connection', (connection: Connection) => {
      const lost = () => this.#lost.add(connection)
      connection.once('end', lost)
      // Also so that an error with nobody left to hear it does not end the process.
      connection.on('error', lost)
    })
    for (const event of CONNECTION_EVENTS) native.on(event, (connection: Connection) => forward(event, connection))
    native.on('acquire', (connection: Connection) => this.#idle.delete(connection))
    native.on('release', (connection: Connection) => {
      this.#idle.add(connection)
      if (this.#retiring) this.#end(connection).catch(noop)
    })
  }

  /** Borrows a connection; `over` is called once it is back or lost, or none was to be had. */
  borrow(over: () => void, callback: Connected): void {
    this.native.getConnection((error, connection) => {
      if (connection === undefined || this.#lost.has(connection)) over()
      else this.#loans.set(connection, over)
      callback(error, connection)
    })
  }

  /** Gives the rows of a statement as arrays, whatever the pool's own settings are. */
  ask(sql: string): Promise<readonly (readonly unknown[])[]> {
    return new Promise((resolve, reject) => {
      const settle = (error: unknown, rows: readonly (readonly unknown[])[]) => (error ? reject(error) : resolve(rows))
      this.native.query({ sql, rowsAsArray: true, typeCast: true }, settle)
    })
  }

  /** Holds `count` connections at once, opened one after the other, then gives them back. */
  async warm(count: number, signal: AbortSignal): Promise<void> {
    const held: Connection[] = []
    try {
      while (held.length < count && !signal.aborted) held.push(await this.#connection())
    } finally {
      for (const connection of held) connection.release()
    }
  }

  /** Closes up to `count` idle connections; resolves when the server has seen them off. */
  async shrink(count: number): Promise<void> {
    await Promise.all([...this.#idle].slice(0, count).map((connection) => this.#end(connection)))
  }

  /** Closes what is idle now, and from now on whatever becomes so; resolves when the former is closed. */
  async retire(): Promise<void> {
    this.#retiring = true
    await this.shrink(this.#idle.size)
  }

  /** Closes everything; resolves when the server has seen it off. */
  async close(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.native.end((error) => (error ? reject(error) : resolve()))
    })
    await this.sockets.closed()
  }

  /** Drops every socket, and lets the pool clear its timers. */
  cut(): void {
    this.native.end(noop)
    this.sockets.cut()
  }

  /** Says farewell, as `destroy()` does not: the server would log an aborted connection at each flush. */
  async #end(connection: Connection): Promise<void> {
    this.#idle.delete(connection)
    const closed = new Promise<void>((resolve) => connection.stream.once('close', () => resolve()))
    connection.config.gracefulEnd = true
    connection.end()
    await closed
  }

  #connection(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.native.getConnection((error, connection) => (connection === undefined ? reject(error) : resolve(connection)))
    })
  }

  /** All ways back lead through `releaseConnection`: release, destroy, end, and the loss of the connection. */
  #watchReturns(): void {
    const { native } = this
    const giveBack = native.releaseConnection
    native.releaseConnection = (connection) => {
      this.#idle.delete(connection)
      giveBack.call(native, connection)
      const over = this.#loans.get(connection)
      if (over === undefined) return
      this.#loans.delete(connection)
      over()
    }
  }
}
