import dns, { type LookupAddress, type LookupOptions } from 'node:dns'
import { connect, isIP, type Socket } from 'node:net'
import type { ConnectionString } from './connection-string.ts'
import { withPatience } from './errors.ts'
import type { Timing } from './findings.ts'
import type { Way } from './session.ts'

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

const goodbyeMs = 1_000

/** A socket of ours, handed to a driver, that notes when each step of the connect was done. */
export class Line {
  readonly socket: Socket
  readonly #patienceMs: number
  readonly #start = performance.now()
  #dns: number | undefined
  #tcp: number | undefined
  #tls: number | undefined
  #address: string | undefined

  /** Begins to connect to the host, looked up as drivers do, or to that one address of it. */
  constructor({ host, port, socket }: ConnectionString, { address, patienceMs }: Way) {
    this.#patienceMs = patienceMs
    this.socket =
      socket === undefined
        ? connect({ host, port, noDelay: true, lookup: address === undefined ? dns.lookup : only(address) })
        : connect({ path: socket })
    if (address === undefined) this.socket.once('lookup', () => this.#noteLookup())
    this.socket.once('connect', () => {
      this.#tcp = performance.now()
      this.#address = this.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? socket
    })
    // A late failure is nobody's business any more; the driver hears of the others.
    this.socket.on('error', () => {})
  }

  get address(): string {
    return this.#address ?? ''
  }

  /** The port of our end; null for a Unix socket. */
  get ownPort(): number | null {
    return this.socket.localPort ?? null
  }

  noteTls(): void {
    this.#tls ??= performance.now()
  }

  /** The server takes statements now. */
  timing(): Timing {
    const ready = performance.now()
    const tcp = this.#tcp ?? ready
    return {
      ...(this.#dns !== undefined && { dnsMs: this.#dns - this.#start }),
      tcpMs: tcp - (this.#dns ?? this.#start),
      ...(this.#tls !== undefined && { tlsMs: this.#tls - tcp }),
      authMs: ready - (this.#tls ?? tcp),
      totalMs: ready - this.#start,
    }
  }

  /** Settles as `work` does; drops the socket and rejects if that takes too long, or when the socket is lost. */
  async within<T>(work: Promise<T>): Promise<T> {
    const { socket } = this
    let end = () => {}
    const lost = new Promise<never>((_resolve, reject) => {
      // In the next turn, so that an error that the driver makes of it comes first.
      const onClose = () => setImmediate(() => reject(new Error('the connection was closed')))
      socket.once('close', onClose)
      end = () => socket.off('close', onClose)
    })
    try {
      return await withPatience(Promise.race([work, lost]), this.#patienceMs)
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      end()
    }
  }

  /** A goodbye was said: keeps neither the process alive nor, for long, a socket whose server does not answer. */
  bound(): void {
    this.socket.setTimeout(goodbyeMs, () => this.socket.destroy()).unref()
  }

  #noteLookup(): void {
    this.#dns = performance.now()
  }
}

/** A look-up that gives that address, so that TLS still sees the host's own name. */
function only(address: string) {
  return (_host: string, options: LookupOptions, callback: LookupCallback): void => {
    const family = isIP(address)
    process.nextTick(() => {
      if (options.all === true) callback(null, [{ address, family }])
      else callback(null, address, family)
    })
  }
}
