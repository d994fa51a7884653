import { inspect } from 'node:util'
import {
  verifyAcquireOptions,
  verifyCaller,
  verifyDriver,
  verifyHolder,
  verifySurroundings,
  verifyWork,
} from './arguments.ts'
import { type Clock, systemClock } from './clock.ts'
import { deferred } from './deferred.ts'
import type { Driver } from './driver.ts'
import { PeriodicFlushError } from './errors.ts'
import { Events, type FlusherEvents, type Listener } from './events.ts'
import type { FlushReport } from './flush-report.ts'
import { requestOf } from './flush-request.ts'
import { type FlusherStats, statsOf } from './flusher-stats.ts'
import type { Holder, Lease, LeaseKind } from './generation.ts'
import { enlist, strike } from './live.ts'
import {
  type CloseOptions,
  type FlushOptions,
  type HoldOptions,
  type Options,
  type ResolvedOptions,
  resolveOptions,
  verifyCloseOptions,
  verifyFlushOptions,
  verifyHoldOptions,
} from './options.ts'
import { Rotator } from './rotator.ts'
import { nonEmptyString, verifyValue } from './rule.ts'
import { Scheduler } from './scheduler.ts'
import type { AcquireOptions, Caller } from './waiters.ts'
import { Watch } from './watch.ts'
import { watchedFlusher } from './watched-flusher.ts'

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
  readonly #watch: Watch
  #begun = false

  constructor(driver: Driver<Client>, options: Options<Client>, surroundings: Surroundings) {
    const { clock = systemClock, random = Math.random } = surroundings
    this.#driver = driver
    this.#options = resolveOptions(options, driver.name)
    this.name = this.#options.name
    this.#clock = clock
    this.#rotator = new Rotator(driver, this.#options, clock, this.#events)
    this.#scheduler = new Scheduler(this.#options, clock, random, {
      flush: () => this.#tick(),
      armed: (dueAt) => this.#rotator.armed(dueAt),
      fired: () => this.#rotator.wake(),
    })
    this.#watch = new Watch(
      this.#options,
      clock,
      random,
      watchedFlusher(driver, this.#options, this.#rotator, this.#events, () => this.#writable()),
    )
    this.#events.on('swap', () => this.#watch.succeeded(this.#rotator.current?.openedAt ?? clock.now()))
  }

  /**
   * A lease, if one can be had at once; undefined if the caller must wait (see {@link acquire}).
   *
   * @throws CLOSED after `close()`; what the factory throws, if this use opens the first client; TypeError for what is no
   * holder.
   */
  tryAcquire(holder: Holder): Lease<Client> | undefined {
    verifyHolder(holder)
    const lease = this.#rotator.tryAcquire(holder)
    if (!this.#begun) this.#begin()
    return lease
  }

  /**
   * A lease, in turn: first in, first out. Rejects with CLOSED, with TIMEOUT after `timeoutMs`, with the reason of an
   * aborted `signal`, or, where the first client could not be opened, with what the factory threw; with TypeError or
   * RangeError for a wrong argument.
   */
  acquire(holder: Holder, options?: AcquireOptions): Promise<Lease<Client>> {
    return new Promise((start, fail) => this.acquireFor(holder, { start, fail }, options))
  }

  /**
   * The same without a promise: exactly one method of `caller` is called, once; within this call if a lease can be had at
   * once, else within the call that makes a connection free, so that none is idle while somebody waits.
   *
   * @throws TypeError or RangeError for a wrong argument; then no method of `caller` is called.
   */
  acquireFor(holder: Holder, caller: Caller<Client>, options?: AcquireOptions): void {
    verifyHolder(holder)
    verifyCaller(caller)
    const verified = options === undefined ? undefined : verifyAcquireOptions(options)
    if (!this.#begun) this.#begin()
    this.#rotator.acquire(holder, caller, verified)
  }

  /**
   * Runs `work` on a lease of its own. Rejects with CUT as soon as the client is cut, whatever `work` does then, as
   * `acquire` does where none is to be had, and with TypeError or RangeError for a wrong argument.
   */
  run<T>(kind: LeaseKind, work: (client: Client) => Promise<T>, options?: AcquireOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      verifyWork(kind, work)
      const holder: Holder = { kind, cut: reject }
      const start = (lease: Lease<Client>) => {
        let result: Promise<T>
        try {
          // Without a promise it would never be known to have ended.
          result = Promise.resolve(work(lease.client))
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
            this.failed(lease.client, error)
            lease.release()
            reject(error)
          },
        )
      }
      const lease = this.tryAcquire(holder)
      if (lease !== undefined) start(lease)
      else this.acquireFor(holder, { start, fail: reject }, options)
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
    const { wait = 'drained', ...verified } = verifyFlushOptions(options)
    return this.#rotator.flush(requestOf(this.#options, { reason: 'manual', hold: true, ...verified }), wait)
  }

  /**
   * Flushes once nothing runs any more, for a switch where old and new must not mix: new work waits, running work ends,
   * the fresh client is opened and swapped in at zero leases. Work that waits for other work to begin keeps it from that.
   *
   * Rejects, with those who waited served by the old client, with TIMEOUT if something still runs after `timeoutMs`, or
   * as `flush` does.
   *
   * @throws the same as `flush`; TypeError or RangeError for an option.
   */
  async hold(options: HoldOptions = {}): Promise<FlushReport> {
    const { timeoutMs = this.#options.deadlineMs, reason = 'hold' } = verifyHoldOptions(options)
    return this.#rotator.hold(requestOf(this.#options, { reason, hold: true }), timeoutMs)
  }

  /**
   * Says that the sockets may be dead, for example after a sleep that no clock has seen: whoever uses the client next
   * waits for a flush first. Where somebody uses it now, that flush begins at once. If it fails, the old client serves on.
   *
   * @throws TypeError or RangeError for a reason that is no string, or an empty one.
   */
  distrust(reason: string): void {
    verifyValue('reason', reason, nonEmptyString)
    this.#rotator.distrust(reason)
  }

  /**
   * For adapters: something failed on `client` with `error`. Where that says something about the server (the driver
   * knows), the triggers hear of it. {@link run} does so by itself.
   */
  failed(client: Client, error: unknown): void {
    if (this.current() !== client) return
    const suspicion = this.#suspicionOf(error)
    if (suspicion !== undefined) this.#watch.suspect(suspicion)
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
    return statsOf(this.#rotator, this.name, this.#clock.now())
  }

  /** Calls `listener` at each such event; the function returned ends that. */
  on<Event extends keyof FlusherEvents>(event: Event, listener: Listener<Event>): () => void {
    return this.#events.on(event, listener)
  }

  /** Stops the timer and the triggers until `resume()`; `flush` works meanwhile. */
  pause(): void {
    this.#scheduler.pause()
    this.#watch.stop()
  }

  /** Goes on after `pause()`, with a whole period before the next timed flush. */
  resume(): void {
    if (this.#scheduler.state !== 'paused') return
    this.#scheduler.resume()
    this.#watch.start()
  }

  /** Whether `pause()` was called, and `resume()` not yet. */
  get paused(): boolean {
    return this.#scheduler.state === 'paused'
  }

  /**
   * For timers of many clients: the caller's takes the place of this one's, and leaves a client alone that is `paused`.
   * The function returned gives it back, with a whole period before the next timed flush; of several takers, the last one
   * does. Triggers go on meanwhile.
   */
  takeTimer(): () => void {
    this.#scheduler.take()
    let taken = true
    return () => {
      if (taken) this.#scheduler.giveBack()
      taken = false
    }
  }

  get closed(): boolean {
    return this.#rotator.closed
  }

  /**
   * Ends it all: waiting callers fail with CLOSED, running work may finish until the deadline and is cut then.
   * Afterwards no connection, timer or listener is left. Every call returns the same promise.
   *
   * @throws TypeError or RangeError for an option.
   */
  close(options: CloseOptions = {}): Promise<void> {
    const { deadlineMs } = verifyCloseOptions(options)
    this.#scheduler.stop()
    this.#watch.stop()
    strike(this)
    return this.#rotator.close(deadlineMs)
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
    this.#begun = true
    if (this.closed) return
    enlist(this)
    if (this.#scheduler.state !== 'idle') return
    this.#scheduler.start()
    this.#watch.start()
  }

  #suspicionOf(error: unknown): string | undefined {
    try {
      return this.#driver.suspect?.(error)
    } catch {
      // An error that cannot even be looked at says nothing about the server; its caller gets it all the same.
      return undefined
    }
  }

  #tick(): Promise<FlushReport> {
    return this.#rotator.flush(requestOf(this.#options, { reason: 'interval', lazy: true, hold: false }), 'swapped')
  }

  /** Asks the server of the current client whether it accepts writes; undefined where the driver cannot. */
  async #writable(): Promise<boolean | undefined> {
    const { writable } = this.#driver
    if (writable === undefined) return undefined
    const over = new AbortController()
    const asked = this.run('query', (client) => writable.call(this.#driver, client, over.signal))
    return this.within('the question whether the server is writable', asked).finally(() => over.abort())
  }
}

/**
 * Makes the flusher of one client.
 *
 * @throws TypeError or RangeError for an option that is unknown, of the wrong type or out of range; TypeError for what is
 * no driver, or no surroundings.
 */
export function createFlusher<Client>(
  driver: Driver<Client>,
  options: Options<Client> = {},
  surroundings: Surroundings = {},
): Flusher<Client> {
  verifyDriver(driver)
  return new Flusher(driver, options, verifySurroundings(surroundings))
}
