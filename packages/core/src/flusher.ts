import { inspect } from 'node:util'
import { type Clock, systemClock, type Timer } from './clock.ts'
import { deferred } from './deferred.ts'
import type { Driver } from './driver.ts'
import { PeriodicFlushError } from './errors.ts'
import { Events, type FlusherEvents, type Listener } from './events.ts'
import type { FlushReport } from './flush-report.ts'
import type { Holder, Lease, LeaseKind } from './generation.ts'
import { type FlushOptions, type Options, type ResolvedOptions, resolveOptions, verifyFlushOptions } from './options.ts'
import { Rotator } from './rotator.ts'
import { Scheduler } from './scheduler.ts'
import type { TriggerRequest, Watched } from './trigger.ts'
import type { AcquireOptions, Caller } from './waiters.ts'

/** How a flusher stands now. */
export interface FlusherStats {
  readonly name: string
  /** The number of the generation that serves; undefined before the first use. */
  readonly generation: number | undefined
  readonly state: 'idle' | 'open' | 'closed'
  /** Leases on the current generation. */
  readonly leases: number
  /** Callers that wait for a lease. */
  readonly waiting: number
  /** Connections of the current generation. */
  readonly connections: number
  /** The addresses that the current generation is connected to, where the driver tells. */
  readonly peers: readonly string[]
  readonly retiring: readonly { generation: number; leases: number; connections: number }[]
  /** Flushes that put a fresh client in service. */
  readonly flushes: number
  /** Flushes that left the old one. */
  readonly failures: number
}

/** What a flusher takes from its surroundings; a test moves the clock by hand. */
export interface Surroundings {
  readonly clock?: Clock
  readonly random?: () => number
}

/**
 * Rotation and schedule of one client, as one handle: adapters lease clients from it, users see it as `$flusher`.
 *
 * It never puts a client in service that could not be opened and checked, it never closes one that is leased, and none
 * of its timers keeps the process alive unless a caller waits on it.
 */
export class Flusher<Client> {
  readonly name: string
  readonly #driver: Driver<Client>
  readonly #options: ResolvedOptions<Client>
  readonly #clock: Clock
  readonly #events = new Events()
  readonly #rotator: Rotator<Client>
  readonly #scheduler: Scheduler
  #triggers: (() => void)[] | undefined
  /** A trigger's request that waits for the end of the gap. */
  #putOff: Timer | undefined
  #flushedAt = Number.NEGATIVE_INFINITY

  constructor(driver: Driver<Client>, options: Options<Client>, surroundings: Surroundings) {
    const { clock = systemClock, random = Math.random } = surroundings
    this.#driver = driver
    this.#options = resolveOptions(options, driver.name)
    this.name = this.#options.name
    this.#clock = clock
    this.#rotator = new Rotator(driver, this.#options, clock, this.#events)
    this.#scheduler = new Scheduler(this.#options, clock, random, () => this.#tick())
  }

  /**
   * A lease, if one can be had at once; undefined if the caller must wait (see {@link acquire}).
   *
   * @throws CLOSED after `close()`; what the factory throws, if this use opens the first client.
   */
  tryAcquire(holder: Holder): Lease<Client> | undefined {
    const lease = this.#rotator.tryAcquire(holder)
    if (this.#triggers === undefined) this.#begin()
    return lease
  }

  /**
   * A lease, in turn: first in, first out. Rejects with CLOSED, with TIMEOUT after `timeoutMs`, with the reason of an
   * aborted `signal`, or, where the first client could not be opened, with what the factory threw.
   */
  acquire(holder: Holder, options?: AcquireOptions): Promise<Lease<Client>> {
    return new Promise((start, fail) => this.acquireFor(holder, { start, fail }, options))
  }

  /**
   * The same without a promise: exactly one method of `caller` is called, once; within this call if a lease can be had at
   * once, else within the call that makes a connection free, so that none is idle while somebody waits.
   */
  acquireFor(holder: Holder, caller: Caller<Client>, options?: AcquireOptions): void {
    if (this.#triggers === undefined) this.#begin()
    this.#rotator.acquire(holder, caller, options)
  }

  /** Runs `work` on a lease of its own. Rejects with CUT as soon as the client is cut, whatever `work` does then. */
  run<T>(kind: LeaseKind, work: (client: Client) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const holder: Holder = { kind, cut: reject }
      const start = (lease: Lease<Client>) => {
        let result: Promise<T>
        try {
          result = work(lease.client)
        } catch (error) {
          lease.release()
          return reject(error)
        }
        result.then(
          (value) => {
            lease.release()
            resolve(value)
          },
          (error: unknown) => {
            lease.release()
            reject(error)
          },
        )
      }
      const lease = this.tryAcquire(holder)
      if (lease !== undefined) start(lease)
      else this.acquireFor(holder, { start, fail: reject })
    })
  }

  /**
   * Flushes now: opens a fresh client, checks it, swaps it in, retires the old one.
   *
   * Resolves with a report once the old generation is gone or its deadline has come (or, with `wait: 'swapped'`, as
   * soon as the fresh one serves). Rejects, with the old client still serving, if no fresh one could be opened and
   * checked. Calls that come together share one flush, and the strictest of their options.
   *
   * @throws OPEN_FAILED, CHECK_FAILED, TIMEOUT, READ_ONLY, SAME_CLIENT, CLOSED; TypeError or RangeError for an option.
   */
  async flush(options: FlushOptions = {}): Promise<FlushReport> {
    const { deadlineMs, onDeadline } = this.#options
    const { wait = 'drained', ...verified } = verifyFlushOptions(options)
    const lazy = verified.lazy === true
    return this.#rotator.flush(
      { reason: 'manual', deadlineMs, onDeadline, abandoned: false, ...verified, lazy, hold: true },
      wait,
    )
  }

  /** For adapters: tells listeners and the diagnostics channel of an event that only the adapter can see. */
  tell<Event extends keyof FlusherEvents>(event: Event, payload: FlusherEvents[Event]): void {
    this.#events.emit(event, payload)
  }

  /**
   * For adapters: settles as `work` does, at the latest after `checkTimeoutMs`, and then with TIMEOUT. Its timer does not
   * keep the process alive.
   */
  async within<T>(what: string, work: Promise<T>): Promise<T> {
    const { checkTimeoutMs } = this.#options
    const late = deferred<never>()
    const timer = this.#clock.after(checkTimeoutMs, false, () => {
      const message = `${this.name}: ${what} was not done within ${checkTimeoutMs} ms (checkTimeoutMs)`
      late.reject(new PeriodicFlushError('TIMEOUT', message))
    })
    try {
      return await Promise.race([work, late.promise])
    } finally {
      timer.cancel()
    }
  }

  /** The client that serves now, without a lease: for reading its options, not for work. */
  current(): Client | undefined {
    return this.#rotator.current?.client
  }

  stats(): FlusherStats {
    const { current, live, waiting, closed, flushes, failures } = this.#rotator
    return {
      name: this.name,
      generation: current?.number,
      state: closed ? 'closed' : current === undefined ? 'idle' : 'open',
      leases: current?.leases ?? 0,
      waiting,
      connections: current?.connections ?? 0,
      peers: current === undefined ? [] : [...new Set(current.peers)],
      retiring: [...live]
        .filter((generation) => generation !== current && generation.state !== 'opening')
        .map(({ number, leases, connections }) => ({ generation: number, leases, connections })),
      flushes,
      failures,
    }
  }

  /** Calls `listener` at each such event; the function returned ends that. */
  on<Event extends keyof FlusherEvents>(event: Event, listener: Listener<Event>): () => void {
    return this.#events.on(event, listener)
  }

  /** Stops the timer and the triggers until `resume()`; `flush` works meanwhile. */
  pause(): void {
    this.#scheduler.pause()
    this.#stopTriggers()
  }

  /** Goes on after `pause()`, with a whole period before the next timed flush. */
  resume(): void {
    if (this.#scheduler.state !== 'paused') return
    this.#scheduler.resume()
    this.#startTriggers()
  }

  get closed(): boolean {
    return this.#rotator.closed
  }

  /**
   * Ends it all: waiting callers fail with CLOSED, running work may finish until the deadline and is cut then.
   * Afterwards no connection, timer or listener is left. Every call returns the same promise.
   */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#scheduler.stop()
    this.#stopTriggers()
    return this.#rotator.close(options.deadlineMs)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Shows how it stands, and nothing of the client, which may hold credentials. */
  [inspect.custom](): string {
    return `Flusher ${inspect(this.stats())}`
  }

  /** The first use starts the schedule. */
  #begin(): void {
    this.#triggers = []
    if (this.#scheduler.state === 'idle') {
      this.#scheduler.start()
      this.#startTriggers()
    }
  }

  async #tick(): Promise<void> {
    const { deadlineMs, onDeadline } = this.#options
    const request = { reason: 'interval', deadlineMs, onDeadline, abandoned: false, lazy: true, hold: false }
    await this.#rotator.flush(request, 'swapped')
  }

  #startTriggers(): void {
    const watched: Watched = {
      name: this.name,
      flush: (request) => this.#triggered(request),
      endpoints: () => {
        const client = this.current()
        return client === undefined ? [] : (this.#driver.endpoints?.(client) ?? [])
      },
      peers: () => this.#rotator.current?.peers ?? [],
    }
    // Started on the way of a query: a trigger that fails must not make that fail.
    this.#triggers = this.#options.triggers.flatMap((trigger) => {
      try {
        return [trigger.start(watched)]
      } catch (error) {
        this.#events.emit('failed', { name: this.name, reason: trigger.name, step: 'trigger', error })
        return []
      }
    })
  }

  #stopTriggers(): void {
    const triggers = this.#triggers ?? []
    this.#triggers = []
    this.#putOff?.cancel()
    for (const stop of triggers) stop()
  }

  /** A trigger asks: at most once per `minGapMs`; one that comes too early is put off to the end of the gap. */
  #triggered(request: TriggerRequest): void {
    if (this.closed || this.#scheduler.state === 'paused') return
    const now = this.#clock.now()
    const wait = this.#flushedAt + this.#options.minGapMs - now
    // The one that was put off stands for all that come before it.
    if (this.#flushedAt > now) return
    this.#flushedAt = now + Math.max(0, wait)
    if (wait > 0) this.#putOff = this.#clock.after(wait, false, () => this.#flushFor(request))
    else this.#flushFor(request)
  }

  #flushFor({ reason, abandoned = false }: TriggerRequest): void {
    const { deadlineMs, onDeadline } = this.#options
    const request = { reason, deadlineMs, onDeadline, abandoned, lazy: false, hold: false }
    // A failed flush has told so in an event.
    this.#rotator.flush(request, 'swapped').catch(() => {})
  }
}

/**
 * Makes the flusher of one client.
 *
 * @throws TypeError or RangeError for an option that is unknown, of the wrong type or out of range.
 */
export function createFlusher<Client>(
  driver: Driver<Client>,
  options: Options<Client> = {},
  surroundings: Surroundings = {},
): Flusher<Client> {
  return new Flusher(driver, options, surroundings)
}
