import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { TestingError } from './errors.ts'
import { type Expectation, expectOptions, expectValue, ipAddress, label, portNumber } from './expectation.ts'
import { freePort, isPortTaken, listenError } from './free-port.ts'
import { Relay } from './relay.ts'

/** What a gate stands in front of: a server of this package, or anything that listens on a TCP port. */
export interface GateTarget {
  readonly host: string
  readonly port: number
}

export interface GateOptions {
  /** The address to listen on. Default: `127.0.0.1`. */
  readonly host?: string
  /** The port to listen on. Default: one that is free. */
  readonly port?: number
}

/** What becomes of a connection that is opened now. */
type Welcome = { readonly kind: 'accept' | 'hang' | 'refuse' } | { readonly kind: 'slow'; readonly delayMs: number }

const delay: Expectation = {
  type: 'number',
  expected: 'a number of milliseconds from 0 to 2147483647',
  holds: (value: number) => value >= 0 && value <= 2_147_483_647,
}

/**
 * A small TCP relay in front of a server, for faults that cannot be done to the server itself; made by `gate`.
 *
 * Two kinds of faults, independent of each other:
 * - on connections opened from now on: `refuse`, `hang`, `slow`. One is in force at a time, the last one called;
 *   `accept` ends it. Connections that are open already do not notice.
 * - on connections open now: `stall` until `resume`, and `reset`. Connections opened later do not notice.
 *
 * Each resolves once it is in force. A gate keeps the process alive as little as a server does.
 */
export class Gate implements AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly #target: GateTarget
  readonly #relays = new Set<Relay>()
  #listener: Server | undefined
  #welcome: Welcome = { kind: 'accept' }
  /** Changes follow one another, since each may have to open or close the listener. */
  #changing: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(target: GateTarget, host: string, port: number) {
    this.#target = target
    this.host = host
    this.port = port
  }

  /** How many connections clients have open now, counting those that hang or are stalled. */
  get connections(): number {
    return [...this.#relays].filter((relay) => relay.open).length
  }

  /** New connections are relayed, without delay. This is how a gate starts; it ends `refuse`, `hang` and `slow`. */
  accept(): Promise<void> {
    return this.#welcomeWith({ kind: 'accept' })
  }

  /** New connections fail with ECONNREFUSED, as when no server listens: the gate's port is closed. */
  refuse(): Promise<void> {
    return this.#welcomeWith({ kind: 'refuse' })
  }

  /** New connections are accepted and never get an answer, not even after `accept`: they end by `reset` or the client. */
  hang(): Promise<void> {
    return this.#welcomeWith({ kind: 'hang' })
  }

  /** New connections wait that long before they are relayed, once each; what they send meanwhile is kept. */
  async slow(delayMs: number): Promise<void> {
    expectValue('delayMs', delayMs, delay)
    await this.#welcomeWith({ kind: 'slow', delayMs })
  }

  /** Nothing gets through on the connections open now, in either direction, as when a network drops every packet. */
  async stall(): Promise<void> {
    this.#expectOpen()
    for (const relay of this.#relays) relay.stall()
  }

  /** Stalled connections go on; what was sent meanwhile arrives. */
  async resume(): Promise<void> {
    this.#expectOpen()
    for (const relay of this.#relays) relay.resume()
  }

  /** Breaks all connections that are open now: client and server get ECONNRESET. */
  async reset(): Promise<void> {
    this.#expectOpen()
    for (const relay of this.#relays) relay.reset()
  }

  /** Breaks all connections and closes the port, for good; calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#changing.then(async () => {
      this.#shut()
      for (const relay of this.#relays) relay.reset()
    })
    return this.#closing
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #welcomeWith(welcome: Welcome): Promise<void> {
    this.#expectOpen()
    const change = this.#changing.then(async () => {
      this.#welcome = welcome
      if (welcome.kind === 'refuse') this.#shut()
      else await this.#open()
    })
    // A change that fails, since the port was taken meanwhile, must not stand in the way of the next one.
    this.#changing = change.catch(() => undefined)
    await change
  }

  async #open(): Promise<void> {
    if (this.#listener) return
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    listener.on('connection', (client) => this.#receive(client))
    try {
      listener.listen({ host: this.host, port: this.port, exclusive: true })
      await once(listener, 'listening')
    } catch (error) {
      throw listenError(error, this.host, this.port)
    }
    listener.unref()
    this.#listener = listener
  }

  /** Closes the port; the listener's own end, which waits for all its connections, is not waited for. */
  #shut(): void {
    this.#listener?.close()
    this.#listener = undefined
  }

  #receive(client: Socket): void {
    const relay = new Relay(client, () => this.#relays.delete(relay))
    this.#relays.add(relay)
    if (this.#welcome.kind === 'refuse') relay.reset()
    else if (this.#welcome.kind === 'hang') relay.swallow()
    else if (this.#welcome.kind === 'slow') relay.connectAfter(this.#welcome.delayMs, this.#target)
    else relay.connect(this.#target)
  }

  #expectOpen(): void {
    if (this.#closing) throw new TestingError('GATE_CLOSED', `The gate at ${this.host}:${this.port} is closed`)
  }
}

/** Its getters may throw. */
const readable: Expectation = {
  type: 'object',
  expected: 'a server, or { host, port }',
  holds: (value: Partial<GateTarget>) => [value.host, value.port].length === 2,
}

const attempts = 5

/**
 * Opens a gate in front of a server: clients connect to the gate's `host` and `port`, and reach the server through it
 * until a fault is called. TLS passes through untouched.
 */
export async function gate(target: GateTarget, options: GateOptions = {}): Promise<Gate> {
  expectValue('target', target, readable)
  const to = { host: target.host, port: target.port }
  expectValue('target.host', to.host, label)
  expectValue('target.port', to.port, portNumber)
  expectOptions(options, { host: ipAddress, port: portNumber })
  const { host = '127.0.0.1' } = options
  for (let attempt = 1; ; attempt += 1) {
    const opened = new Gate(to, host, await freePort([host], options.port))
    try {
      await opened.accept()
      return opened
    } catch (error) {
      const mayRetry = options.port === undefined && attempt < attempts && isPortTaken(error)
      if (!mayRetry) throw error
    }
  }
}
