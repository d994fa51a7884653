import { Socket } from 'node:net'
import type { Client, ClientOptions } from './client.ts'
import { Startup } from './startup.ts'

/** Terminate: the farewell of the PostgreSQL protocol. */
const FAREWELL = Buffer.from([0x58, 0, 0, 0, 4])

/** `address:port`, with IPv4 addresses in their own form also on a dual-stack socket. */
function peerOf(address: string | undefined, port: number | undefined): string | undefined {
  return address === undefined || port === undefined ? undefined : `${address.replace(/^::ffff:/i, '')}:${port}`
}

/**
 * The sockets of one client. postgres.js asks `options.socket` for each one, so that they can be counted, and dropped
 * without waiting for a server that no longer answers.
 */
export class Sockets {
  readonly #options: ClientOptions
  /** The user's own way to make a socket. */
  readonly own: ClientOptions['socket']
  readonly #live = new Set<Socket>()
  /** Those on which postgres.js speaks TLS, and our own listener to their end. */
  readonly #encrypted = new Map<Socket, () => void>()
  /** Host indexes of closed sockets: as natively, a connection goes on with its next host. */
  readonly #nextHosts: number[] = []
  #waiting: (() => void)[] = []
  /** Nothing is in flight: whatever postgres.js still wants to connect for has moved on. */
  closing = false
  /** No new connection but to cancel a statement. */
  retiring = false
  /** Set while postgres.js opens a connection to cancel a statement. */
  cancelling = false
  readonly startup = new Startup()
  #cut = false
  /** postgres.js tries again for each connection that was dropped before it was made; what it was for has moved on. */
  #retries = 0

  constructor(client: Client) {
    this.#options = client.options
    this.own = client.options.socket
    client.options.socket = () => this.#open()
  }

  get size(): number {
    return this.#live.size
  }

  get peers(): readonly string[] {
    return [...this.#live].flatMap((socket) => peerOf(socket.remoteAddress, socket.remotePort) ?? [])
  }

  /** The socket between these two ends. */
  find(local: string, remote: string): Socket | undefined {
    for (const socket of this.#live) {
      if (
        peerOf(socket.localAddress, socket.localPort) === local &&
        peerOf(socket.remoteAddress, socket.remotePort) === remote
      ) {
        return socket
      }
    }
    return undefined
  }

  /** Ends one idle connection; resolves once it is closed. */
  async endOne(socket: Socket): Promise<void> {
    // Under TLS nothing may be written past the encryption.
    if (this.#options.ssl) this.#drop(socket)
    else socket.end(FAREWELL)
    await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  }

  /** Drops every socket, without a word to the client: what it says about what it loses is of no use to anyone. */
  cut(): void {
    this.#cut = true
    for (const socket of this.#live) {
      if (this.#options.ssl) this.#drop(socket)
      else this.#abandon(socket)
    }
  }

  get isCut(): boolean {
    return this.#cut
  }

  /**
   * postgres.js cleans up after 'close', but does not hear of an error: it would reject what runs, and if that is its own
   * query for types, nobody catches it, and the process ends.
   */
  #abandon(socket: Socket): void {
    socket.removeAllListeners('error')
    socket.destroy(refusal('is cut'))
  }

  /**
   * Under TLS the socket that postgres.js made on top goes first. Were this one gone before it, Node would tell of a write
   * that failed only after the upper one's 'close', when postgres.js no longer listens, and the process would end.
   */
  #drop(socket: Socket): void {
    // The upper one has gone by itself, and its own clean-up, run twice or early, makes Node end with a segmentation fault.
    if (socket.destroyed) return
    const own = this.#encrypted.get(socket)
    if (own !== undefined) {
      // The upper one destroys itself when it hears of this one's end, and this one with it.
      for (const listener of socket.listeners('close')) if (listener !== own) listener.call(socket, false)
    }
    socket.destroy()
  }

  /** Drops the sockets that the driver has not ended by itself, since it never got to use them. */
  dropUnended(): void {
    for (const socket of this.#live) {
      if (socket.connecting || (!this.#options.ssl && !socket.writableEnded)) this.#drop(socket)
    }
  }

  /** Lets go of every socket once what was written is on its way, whether or not the server answers. */
  async leave(): Promise<void> {
    // What has not been sent on a connection that was still being made would have postgres.js make another.
    this.closing = true
    for (const socket of this.#live) {
      // Under TLS the farewell is still being encrypted.
      if (socket.connecting) this.#drop(socket)
      else if (this.#options.ssl) setImmediate(() => this.#drop(socket))
      else socket.end(() => socket.destroy())
    }
    await this.ended(true)
  }

  /** Drops the sockets on which nothing has been sent yet but the handshake. */
  dropConnecting(): void {
    for (const socket of this.#live) {
      if (socket.destroyed || !(socket.connecting || this.startup.isHandshaking(socket))) continue
      this.#drop(socket)
      this.#retries++
    }
  }

  /** Resolves once no socket is left of those that are ending now. */
  async ended(all: boolean): Promise<void> {
    const open = () => [...this.#live].some((socket) => all || socket.writableEnded || socket.destroyed)
    while (open()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #open(): Socket | Promise<Socket> {
    const cancelling = this.cancelling
    // Whatever is waited for has been told; a refusal would reject a query for types that hangs on a connection tried anew.
    if (this.#cut || (this.closing && !cancelling)) return new Promise(() => {})
    if (this.#retries > 0 && !cancelling) {
      this.#retries--
      throw refusal('is retiring')
    }
    if (this.retiring && this.#live.size === 0 && !cancelling) throw refusal('is closed')
    if (this.retiring || cancelling) {
      const peers = [...new Set(this.peers)]
      const socket = [...this.#live].find(({ remoteAddress }) => remoteAddress !== undefined)
      // The name may lead elsewhere by now, and another server would get the cancellation.
      if (peers.length === 1 && socket?.remoteAddress !== undefined && !this.#options.path && !this.own) {
        return this.#connect(0, socket.remoteAddress, socket.remotePort)
      }
      if (this.retiring && !cancelling) throw refusal('is retiring')
    }
    if (this.own !== undefined) return this.#adopt(this.own, cancelling)
    return this.#connect(cancelling ? 0 : (this.#nextHosts.shift() ?? 0))
  }

  /** What arrives when nothing waits for it any more is dropped: nobody would ever end it. */
  async #adopt(own: NonNullable<ClientOptions['socket']>, cancelling: boolean): Promise<Socket> {
    const socket = this.#track(await own(this.#options))
    if (!this.#cut && (!this.closing || cancelling)) return socket
    this.#abandon(socket)
    return new Promise(() => {})
  }

  #connect(index: number, address?: string, peerPort?: number): Socket {
    const { host, port, path } = this.#options
    const socket = this.#track(new Socket())
    if (path) return socket.connect(path)
    const name = host[index] ?? 'localhost'
    const number = peerPort ?? port[index] ?? 5432
    if (address === undefined && port.length > 1) {
      socket.once('close', () => this.#nextHosts.push((index + 1) % port.length))
    }
    // postgres.js reads these: the name that TLS verifies, and what errors tell.
    Object.assign(socket, { host: name, port: number, ssl: this.#options.ssl })
    return socket.connect(number, address ?? name)
  }

  #track(socket: Socket): Socket {
    const gone = (): void => {
      this.#live.delete(socket)
      this.#encrypted.delete(socket)
      this.startup.over(socket)
      const waiting = this.#waiting
      this.#waiting = []
      for (const resolve of waiting) resolve()
    }
    this.#live.add(socket)
    socket.on('close', gone)
    if (this.#options.fetch_types && !this.#options.ssl && !this.own && !this.cancelling) this.startup.watch(socket)
    // Errors in the microtask before postgres.js listens, and those after it has stopped to.
    const ignore = (): void => {}
    socket.on('error', ignore)
    const remove = socket.removeAllListeners
    // postgres.js removes every listener when it starts TLS.
    socket.removeAllListeners = (event) => {
      if (event === undefined) remove.call(socket)
      else remove.call(socket, event)
      if (this.#live.has(socket) && event !== 'error') socket.on('close', gone)
      // It does so too when a socket has ended, which is then no longer ours.
      if (this.#live.has(socket) && this.#options.ssl && event === undefined) this.#encrypted.set(socket, gone)
      socket.on('error', ignore)
      return socket
    }
    return socket
  }
}

function refusal(why: string): Error {
  return Object.assign(new Error(`write CONNECTION_ENDED: this client ${why}`), { code: 'CONNECTION_ENDED' })
}
