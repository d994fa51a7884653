import { readFile } from 'node:fs'
import { inspect } from 'node:util'
import {
  createFlusher,
  FirstMade,
  type Flusher,
  type FlushOptions,
  type FlushReport,
  type Making,
  type Options,
  verifyFactory,
  verifyOptions,
} from '@periodic-flush/core'
import type { Sql } from 'postgres'
import { type Client, type Handler, noop, type Query } from './client.ts'
import { postgresDriver, shrink } from './driver.ts'
import { connectionEnded } from './ended.ts'
import { Listeners } from './listen.ts'
import { newClient } from './new-client.ts'
import { StableOptions } from './options.ts'
import { cancellation, Run } from './query.ts'
import type { Notify } from './scope.ts'
import { Reservation, Transaction } from './session.ts'
import { Subscription } from './subscription.ts'

/** What a factory takes for its own types: postgres.js's `types` option. */
export type Types = Record<string, unknown>

/** A postgres.js client that is flushed: what the factory returned, plus two members. */
export type FlushingSql<T extends Types = Types> = Sql<T> & {
  /** Flushes now; resolves once the old client is gone or its deadline has come. */
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  /** The schedule: `stats()`, `on(event, listener)`, `pause()`, `resume()`, `close()`. */
  readonly $flusher: Flusher<Sql<T>>
}

type ListenArgs = Parameters<Listeners['listen']>

/** Says how long a facade waits for running work when it ends without a timeout: as long as Node can. */
const FOREVER = 2 ** 31 - 1

/**
 * A postgres.js client that does not stay glued to yesterday's database: at every flush `factory` makes a fresh client,
 * which looks its host up anew, and the old one finishes what it has begun.
 *
 * @param factory makes a new client at each call, as in `() => postgres(url)`; called once at once, and once more if the
 * first use is more than `intervalMs` later.
 * @throws TypeError for a factory that is not a function, or for wrong options; PeriodicFlushError UNSUPPORTED_CLIENT
 * for a factory that returns anything but a new postgres.js client.
 */
export function withPeriodicFlush<T extends Types>(
  factory: () => Sql<T>,
  options: Options<Sql<T>> = {},
): FlushingSql<T> {
  verifyFactory(factory, making)
  verifyOptions(options)
  const facade = new Facade(() => newClient(factory()), options as Options<unknown>)
  return facade.sql as unknown as FlushingSql<T>
}

const making: Making = {
  makes: 'a new postgres.js client',
  as: 'postgres(url)',
  isClient: (value) => typeof value === 'function' && 'unsafe' in value,
}

class Facade {
  readonly sql: object
  readonly #flusher: Flusher<Client>
  readonly #options: StableOptions
  readonly #first: Client
  /** It has one connection, on which postgres.js alone would take a transaction in statements of their own. */
  readonly #single: boolean
  readonly #listeners: Listeners
  readonly #subscription: Subscription
  /** The client opened last: it goes on serving `options` and the helpers when none is current. */
  #latest: Client
  #told: object = {}
  #ending: Promise<void> | undefined
  /** No query runs any more. */
  #ended = false
  readonly #route: Handler

  constructor(factory: () => Client, options: Options<unknown>) {
    this.#first = factory()
    this.#latest = this.#first
    this.#single = this.#first.options.max === 1
    const unused = new FirstMade(this.#first, options)
    this.#options = new StableOptions(this.#first, () => this.#current)
    const open = (): Client => {
      this.#latest = unused.take() ?? factory()
      return this.#latest
    }
    const prepare = (client: Client): void => this.#options.applyTo(client)
    const driver = postgresDriver(open, prepare, () => this.#dispose())
    this.#flusher = createFlusher(driver, options as Options<Client>)
    this.#listeners = new Listeners(this.#flusher)
    this.#subscription = new Subscription(this.#flusher, factory, this.#options)
    this.#route = (query) => this.#run(query)
    // postgres.js asks it for a stack trace.
    Object.assign(this.#route, { debug: this.#first.options.debug })
    this.sql = this.#members()
  }

  get #current(): Client {
    return this.#flusher.current() ?? this.#latest
  }

  /** What the server told last: a client that has not connected yet knows nothing. */
  get #parameters(): object {
    const { parameters } = this.#current.options
    if (Object.keys(parameters).length > 0) this.#told = parameters
    return this.#told
  }

  #run(query: Query): void {
    if (this.#ended) {
      query.reject(connectionEnded(this.#first))
      return
    }
    if (this.#single && beginsTransaction(query)) {
      query.reject(unsafeTransaction())
      return
    }
    new Run(this.#flusher, query).start()
  }

  #rerouted(query: Query, handler: Handler = this.#route): Query {
    query.handler = handler
    query.canceller = cancelUnsent
    return query
  }

  readonly #notify: Notify = async (channel, payload) =>
    this.#rerouted(this.#current`select pg_notify(${channel}, ${`${payload}`})` as Query)

  async #refused(): Promise<never> {
    throw connectionEnded(this.#first)
  }

  #file(args: readonly unknown[]): Query {
    return this.#rerouted(this.#current.file(...args), (query) => {
      readFile(args[0] as string, 'utf8', (error, text) => {
        // It was cancelled meanwhile.
        if (query.canceller === null) return
        if (error) return query.reject(error)
        query.strings = [text]
        this.#run(query)
      })
    })
  }

  #begin(...args: readonly unknown[]): Promise<unknown> {
    if (this.#ending !== undefined) return this.#refused()
    const transaction = new Transaction(this.#flusher, args, this.#notify)
    transaction.start()
    return transaction.result
  }

  #reserve(): Promise<unknown> {
    if (this.#ending !== undefined) return this.#refused()
    const reservation = new Reservation(this.#flusher, this.#notify)
    reservation.start()
    return reservation.result
  }

  #listen(args: ListenArgs): Promise<unknown> {
    return this.#ending === undefined ? this.#listeners.listen(...args) : this.#refused()
  }

  #subscribe(args: readonly unknown[]): Promise<unknown> {
    return this.#ending === undefined ? this.#subscription.subscribe(args) : this.#refused()
  }

  /** Natively it begins a transaction on its client within the call: it gets one of ours. */
  #largeObject(args: readonly unknown[]): Promise<unknown> {
    const client = this.#current
    const { begin } = client
    client.begin = (...rest) => {
      client.begin = begin
      return this.#begin(...rest)
    }
    try {
      return client.largeObject(...args)
    } finally {
      client.begin = begin
    }
  }

  #array(args: readonly unknown[]): unknown {
    const parameter = this.#current.array(...args)
    // The query may run on another client than the one that serves now.
    parameter.array = this.#options.typeArrayMap
    return parameter
  }

  async #end({ timeout }: { timeout?: number | null } = {}): Promise<void> {
    // As natively, what is below zero or no number is no wait at all.
    const deadlineMs = typeof timeout === 'number' ? Math.min(Math.max(timeout * 1000, 0) || 0, FOREVER) : FOREVER
    this.#ending ??= this.#finish(deadlineMs)
    await this.#ending
  }

  /** As natively: what was executed before that still runs, and a query does so one step after it was. */
  async #finish(deadlineMs: number): Promise<void> {
    await undefined
    this.#ended = true
    await this.#flusher.close({ deadlineMs })
  }

  async #dispose(): Promise<void> {
    await Promise.all([this.#listeners.end(), this.#subscription.end()])
  }

  /**
   * As natively, idle connections close and the client stays usable. The native way would never use those again that it
   * has not opened yet.
   */
  async #close(): Promise<void> {
    const client = this.#flusher.current()
    const { connections, leases } = this.#flusher.stats()
    if (client !== undefined) await shrink(client, connections - leases)
  }

  #members(): object {
    const sql = (first: unknown, ...rest: readonly unknown[]): unknown => {
      const made = this.#current(first, ...rest)
      return isTemplate(first) ? this.#rerouted(made as Query) : made
    }
    const begin = (...args: readonly unknown[]): Promise<unknown> => this.#begin(...args)
    const flusher = this.#flusher
    const options = this.#options.view
    const { CLOSE, PostgresError } = this.#first
    const shownAs = (): string => `FlushingSql ${inspect(flusher.stats())}`
    Object.assign(sql, {
      options,
      CLOSE,
      END: CLOSE,
      PostgresError,
      unsafe: (...args: [string]) => this.#rerouted(this.#current.unsafe(...args)),
      file: (...args: readonly unknown[]) => this.#file(args),
      array: (...args: readonly unknown[]) => this.#array(args),
      json: (value: unknown) => this.#current.json(value),
      notify: this.#notify,
      begin,
      reserve: () => this.#reserve(),
      largeObject: (...args: readonly unknown[]) => this.#largeObject(args),
      listen: (...args: ListenArgs) => this.#listen(args),
      subscribe: (...args: readonly unknown[]) => this.#subscribe(args),
      close: () => this.#close(),
      end: (given?: { timeout?: number }) => this.#end(given),
      types: this.#first.types,
      typed: this.#first.types,
    })
    Object.defineProperties(sql, {
      parameters: { get: () => this.#parameters, enumerable: true },
      $flush: { value: (given?: FlushOptions) => flusher.flush(given) },
      $flusher: { value: flusher },
      // Its options hold the password.
      [inspect.custom]: { value: shownAs },
    })
    return sql
  }
}

/** Before it runs, a query is nobody's but its owner's. */
function cancelUnsent(query: Query): void {
  query.reject(cancellation())
  query.handler = noop
}

/** A lone one: with its end in the same text it stays on one connection. */
function beginsTransaction({ strings }: Query): boolean {
  return strings.length === 1 && /^\s*(?:begin|start\s+transaction)\b[^;]*;?\s*$/i.test(strings[0] ?? '')
}

/** As postgres.js has it for a client with more than one connection. */
function unsafeTransaction(): Error {
  const code = 'UNSAFE_TRANSACTION'
  const why = 'a flush between two statements would tear the transaction apart, also with max: 1'
  return Object.assign(new Error(`${code}: Only use sql.begin or sql.reserve: ${why}`), { code })
}

function isTemplate(value: unknown): boolean {
  return Array.isArray(value) && 'raw' in value && Array.isArray(value.raw)
}
