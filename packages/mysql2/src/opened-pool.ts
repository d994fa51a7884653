import { type Command, type Connected, type Connection, type Lender, type NativePool, noop } from './native.ts'
import { Sockets } from './sockets.ts'

/** Hears of what happens to the connections of a pool. */
export type Forward = (event: 'connection' | 'acquire' | 'release', connection: Connection) => void

/** Hears of whatever fails on a connection, whoever hears of it besides. */
export type Failed = (error: unknown) => void

/** Who borrows a connection. */
export interface Borrower {
  /** It may give a connection back before that has answered all that it was asked. */
  readonly kind: string
  /** Here it is, or why there is none. */
  settle(error: unknown, connection?: Connection): void
  /** It is back, and still has to answer. */
  answering(): void
  /** It is back, or lost, then with the error that says so; or none was to be had. */
  over(lost?: Error): void
}

/** How one connection stands; `returned`: given back, and not idle since, but being reset. */
interface Standing {
  state: 'idle' | 'busy' | 'returned'
  /** Who has borrowed it. */
  borrower: Borrower | undefined
  /** What a listener that was told of it has thrown. */
  fault?: unknown
  /** Who has given it back before it had answered, each with the last that they have asked; the first is answered first. */
  readonly answering: { readonly borrower: Borrower; readonly last: Command }[]
  /** What it worked at when it became known: it is lent in the middle of its handshake, which nobody has asked for. */
  readonly greeting: Command | null | undefined
}

/** One pool with its sockets, and how each of its connections stands. */
export class OpenedPool {
  readonly native: NativePool
  readonly sockets: Sockets
  readonly #connections = new Map<Connection, Standing>()
  /** The pool, except that nobody gets a connection for which a listener has thrown: they get what it has thrown. */
  readonly #sound: Lender
  readonly #forward: Forward
  readonly #failed: Failed
  #retiring = false

  constructor(native: NativePool, forward: Forward, failed: Failed) {
    this.native = native
    this.#forward = forward
    this.#failed = failed
    this.#sound = {
      config: native.config,
      getConnection: (callback) => {
        native.getConnection((error, connection) => {
          const fault = connection && this.#connections.get(connection)?.fault
          if (fault !== undefined) connection?.destroy()
          if (fault === undefined) callback(error, connection)
          else callback(fault)
        })
      },
    }
    this.sockets = new Sockets(native.config.connectionConfig)
    // Core queues. All that waits here is who comes while a connection that was given back is being reset.
    native.config.waitForConnections = true
    native.config.queueLimit = 0
    this.#watchReturns()
    this.#listenFromTheStart()
    native.on('connection', (connection: Connection) => this.#adopt(connection, 'busy'))
    native.on('acquire', (connection: Connection) => {
      const standing = this.#connections.get(connection)
      if (standing?.state === 'idle') standing.state = 'busy'
      this.#tell('acquire', connection)
    })
    native.on('release', (connection: Connection) => {
      const standing = this.#connections.get(connection)
      if (standing?.state === 'busy' || standing?.state === 'returned') standing.state = 'idle'
      forward('release', connection)
      // With `resetOnRelease` it becomes idle only after core has looked.
      if (this.#retiring && standing?.answering.length === 0) this.#end(connection).catch(noop)
    })
    this.#adoptUsed()
  }

  /** Lends a connection. */
  lend(borrower: Borrower): void {
    const settle: Connected = (error, connection) => {
      const standing = connection && this.#connections.get(connection)
      if (standing === undefined) borrower.over(connection && connectionLost())
      else standing.borrower = borrower
      if (connection === undefined) this.#failed(error)
      borrower.settle(error, connection)
    }
    try {
      this.#sound.getConnection(settle)
    } catch (error) {
      // A `stream` of the user's own, say. It may be another's release that has made this the next one to be served.
      process.nextTick(() => settle(error))
    }
  }

  /** Gives the rows of a statement as arrays, whatever the pool's own settings are. */
  ask(sql: string): Promise<readonly (readonly unknown[])[]> {
    return new Promise((resolve, reject) => {
      const settle = (error: unknown, rows: readonly (readonly unknown[])[]) => (error ? reject(error) : resolve(rows))
      // Only a function takes the place of the pool's own.
      const typeCast = (_: unknown, next: () => unknown) => next()
      this.native.query.call(this.#sound, { sql, rowsAsArray: true, nestTables: false, typeCast }, settle)
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
    const idle = this.#that('idle').slice(0, count)
    await Promise.all(idle.map((connection) => this.#end(connection)))
  }

  /** Closes what is idle now, and from now on whatever becomes so; resolves when the former is closed. */
  async retire(): Promise<void> {
    this.#retiring = true
    await this.shrink(this.#connections.size)
  }

  /** Closes everything; resolves when the server has seen it off. */
  async close(): Promise<void> {
    // mysql2 does not end well what is being reset: that ends as soon as it is idle.
    await Promise.all([...this.#that('returned').map(closed), this.retire()])
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
    // It idles, whether or not whoever had it has been told by now.
    const standing = this.#connections.get(connection)
    if (standing !== undefined) giveBack(standing)
    connection.config.gracefulEnd = true
    connection.end()
    await closed(connection)
  }

  /** The connections that stand so, and have nothing to answer. */
  #that(wanted: Standing['state']): Connection[] {
    return [...this.#connections].flatMap(([connection, { state, answering }]) =>
      state === wanted && answering.length === 0 ? [connection] : [],
    )
  }

  #connection(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#sound.getConnection((error, connection) => (connection === undefined ? reject(error) : resolve(connection)))
    })
  }

  /** A factory may have tried out what it made. */
  #adoptUsed(): void {
    const { _allConnections: all, _freeConnections: free } = this.native
    const idle = new Set(free.toArray())
    for (const connection of all.toArray()) {
      connection.on('error', noop)
      this.sockets.track(connection.stream)
      if (connection.authorized) this.#adopt(connection, idle.has(connection) ? 'idle' : 'busy')
    }
  }

  #adopt(connection: Connection, state: Standing['state']): void {
    const standing: Standing = { state, borrower: undefined, answering: [], greeting: connection._command }
    this.#connections.set(connection, standing)
    this.#watchPackets(connection, standing)
    // mysql2 says nothing of one that is closing already.
    connection.stream.once('close', () => {
      // From now on it has errors only for whoever asks it without a callback: natively they are thrown.
      connection.off('error', noop)
      this.#lose(connection, standing)
    })
    this.#tell('connection', connection)
  }

  /** Natively a listener that throws leaves whoever waits for the connection waiting for ever. */
  #tell(event: 'connection' | 'acquire', connection: Connection): void {
    try {
      this.#forward(event, connection)
    } catch (error) {
      const standing = this.#connections.get(connection)
      if (standing !== undefined) standing.fault = error
    }
  }

  /**
   * Some statements have nobody but their owner to hear of their error: all errors come in packets, or end it all. So do
   * all answers.
   */
  #watchPackets(connection: Connection, standing: Standing): void {
    const handle = connection.handlePacket
    const notify = connection._notifyError
    connection._notifyError = (error) => {
      this.#failed(error)
      notify.call(connection, error)
    }
    connection.handlePacket = (packet) => {
      if (packet?.isError()) {
        this.#failed(packet.asError(connection.clientEncoding))
        packet.reset()
      }
      handle.call(connection, packet)
      if (standing.answering.length > 0) answered(connection, standing)
    }
  }

  /**
   * Until a connection is made mysql2 hears its first error alone: over TLS, one that is dropped has a second, which would
   * end the process.
   */
  #listenFromTheStart(): void {
    const { _allConnections: all } = this.native
    const push = all.push
    all.push = (connection) => {
      connection.on('error', noop)
      return push.call(all, connection)
    }
  }

  #lose(connection: Connection, standing: Standing): void {
    this.#connections.delete(connection)
    giveBack(standing, connectionLost())
    for (const { borrower } of standing.answering.splice(0)) borrower.over()
  }

  /** All ways back lead through `releaseConnection`: release, destroy, end, and the loss of the connection. */
  #watchReturns(): void {
    const { native } = this
    const release = native.releaseConnection
    native.releaseConnection = (connection) => {
      const standing = this.#connections.get(connection)
      if (standing !== undefined) letAnswer(connection, standing)
      try {
        release.call(native, connection)
      } finally {
        if (standing !== undefined && connection._pool === null) {
          // It has left the pool, and is lost: its own error comes later, if at all.
          this.#lose(connection, standing)
        } else if (standing !== undefined) {
          if (standing.state === 'busy') standing.state = 'returned'
          giveBack(standing)
        }
      }
    }
  }
}

/** In mysql2's words. */
function connectionLost(): Error {
  const message = 'Connection lost: The server closed the connection.'
  return Object.assign(new Error(message), { fatal: true, code: 'PROTOCOL_CONNECTION_LOST' })
}

/** Resolves when its socket is. */
function closed({ stream }: Connection): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()))
}

/** The connection has to answer its borrower's last question; a statement of the pool itself gives it back at its end. */
function letAnswer(connection: Connection, standing: Standing): void {
  const { borrower } = standing
  if (borrower?.kind !== 'reserved') return
  const last = connection._commands.toArray().at(-1) ?? connection._command
  if (!last || last === standing.greeting) return
  standing.borrower = undefined
  standing.answering.push({ borrower, last })
  borrower.answering()
}

/** Whoever has given the connection back, and has been answered, is done with it. */
function answered(connection: Connection, { answering }: Standing): void {
  while (answering[0] !== undefined && !hasToDo(connection, answering[0].last)) answering.shift()?.borrower.over()
}

function hasToDo({ _command, _commands }: Connection, command: Command): boolean {
  return _command === command || _commands.toArray().includes(command)
}

/** Nobody has borrowed it any more. */
function giveBack(standing: Standing, lost?: Error): void {
  const { borrower } = standing
  standing.borrower = undefined
  borrower?.over(lost)
}
