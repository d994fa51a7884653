import { type Client, type Handler, noop, type Query } from './client.ts'
import { Sockets } from './sockets.ts'

/** What is known of one client beside the client itself. */
export class Opened {
  readonly client: Client
  readonly sockets: Sockets
  /** The sockets of the client that listens beside this one. */
  listening: Sockets | undefined
  /** Runs a query on this client. */
  readonly handler: Handler
  /** Reservations that are held or wait. */
  reservations = 0
  /** Set once its idle connections have been closed, and the others told to end when they become idle. */
  closing: Promise<unknown> | undefined
  /** Idle connections that are closed one by one meanwhile, beside reserved ones. */
  shrinking: Promise<void> = Promise.resolve()
  /** Whether the client may run queries at once: it knows its server's array types, or it is the first. */
  ready: boolean
  readonly #canceller: Handler
  readonly #learned: () => void
  #priming: Promise<void> | undefined

  /** @param learned is called once the client knows its server's array types. */
  constructor(client: Client, first: boolean, learned: () => void) {
    this.client = client
    this.#learned = learned
    this.sockets = new Sockets(client)
    guardPassword(client)
    // Never executed: it only shows what this client puts on its queries.
    const { handler, canceller } = client.unsafe('')
    this.handler = handler
    this.#canceller = canceller ?? noop
    this.ready = first || !client.options.fetch_types
  }

  /** Cancels natively; the connection that this needs goes where the client's live ones are. */
  cancel(query: Query): void {
    this.sockets.cancelling = true
    try {
      const cancelled = this.#canceller(query)
      // Natively nobody hears of a cancellation that fails, but as an unhandled rejection.
      if (cancelled instanceof Promise) cancelled.catch(noop)
    } finally {
      this.sockets.cancelling = false
    }
    this.#cancelInTurn(query)
  }

  /** One that waits behind others is cancelled when its turn comes: postgres.js reads this and then connects, at once. */
  #cancelInTurn({ cancelled }: Query): void {
    if (typeof cancelled !== 'object' || cancelled === null || !('resolve' in cancelled)) return
    const { resolve } = cancelled
    Object.defineProperty(cancelled, 'resolve', {
      get: () => {
        this.sockets.cancelling = true
        queueMicrotask(() => {
          this.sockets.cancelling = false
        })
        return resolve
      },
    })
  }

  /** A first query was answered. */
  answered(): void {
    this.ready = true
    this.#learned()
  }

  /**
   * Fetches the array types by way of a first connection: without them an array parameter would be sent as a plain
   * list, silently.
   */
  prime(): Promise<void> {
    this.#priming ??= this.client.unsafe('select 1').then(
      () => this.answered(),
      () => {
        this.#priming = undefined
      },
    )
    return this.#priming
  }
}

/**
 * A callback for the password that fails would end the process: postgres.js awaits it where nobody catches. The server
 * refuses an empty one, which fails whatever the connection was for; why becomes a process warning.
 */
function guardPassword({ options }: Client): void {
  const { pass } = options
  if (typeof pass !== 'function') return
  options.pass = async () => {
    try {
      return await pass.call(options)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)))
      return ''
    }
  }
}

const known = new WeakMap<Client, Opened>()
let latest: Opened | undefined

export function remember(opened: Opened): Opened {
  known.set(opened.client, opened)
  return opened
}

/** What is known of `client`; nearly always the one that was asked for last. */
export function openedOf(client: Client): Opened {
  if (latest?.client === client) return latest
  const opened = known.get(client)
  if (opened === undefined) throw new TypeError('Unknown postgres.js client')
  latest = opened
  return opened
}
