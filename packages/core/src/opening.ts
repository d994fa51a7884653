import type { Clock, Timer } from './clock.ts'
import { messageOf, withoutCredentials } from './credentials.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { Driver } from './driver.ts'
import { closedError, type ErrorCode, PeriodicFlushError } from './errors.ts'
import type { FailedStep } from './events.ts'
import type { Generation } from './generation.ts'
import type { ResolvedOptions } from './options.ts'
import type { Room } from './room.ts'

/** A step of a flush that failed, with the error that its caller gets. */
export class StepError extends Error {
  readonly step: FailedStep
  readonly error: PeriodicFlushError

  constructor(step: FailedStep, error: PeriodicFlushError) {
    super(error.message)
    this.step = step
    this.error = error
  }
}

const codes: Partial<Record<FailedStep, ErrorCode>> = { open: 'OPEN_FAILED', check: 'CHECK_FAILED' }

/**
 * Opens and checks one fresh client, bounded by `checkTimeoutMs` in all; the wait for room before that, and each step
 * after it, are bounded by as much again.
 *
 * Nobody waits for a step whose time is over: its signal aborts, and a client that arrives late is handed back.
 */
export class Opening<Client> {
  readonly #driver: Driver<Client>
  readonly #options: ResolvedOptions<Client>
  readonly #clock: Clock
  readonly #hold: boolean
  readonly #closing: AbortSignal
  readonly #over = new AbortController()
  readonly #aborted: Deferred<never> = deferred()
  #timer: Timer | undefined
  #step: FailedStep = 'open'

  constructor(
    driver: Driver<Client>,
    options: ResolvedOptions<Client>,
    clock: Clock,
    closing: AbortSignal,
    hold: boolean,
  ) {
    this.#driver = driver
    this.#options = options
    this.#clock = clock
    this.#closing = closing
    this.#hold = hold
    this.#aborted.promise.catch(() => {})
    closing.addEventListener('abort', this.#onClose, { once: true })
  }

  /**
   * Claims room for one connection beside those of `previous`; false if its time was over first. That is no failure yet:
   * with every connection hung on a dead server there never will be room, and only the fresh client can tell whether it
   * reaches another one.
   */
  async room(room: Room<Client>, previous: Generation<Client>): Promise<boolean> {
    const over = new AbortController()
    const late = deferred<boolean>()
    const abort = (): void => {
      over.abort()
      late.resolve(false)
    }
    const timer = this.#clock.after(this.#options.checkTimeoutMs, this.#hold, abort)
    this.#closing.addEventListener('abort', abort, { once: true })
    try {
      // A connection that takes its time to close must not keep the flush from its end.
      return await Promise.race([room.claim(previous, over.signal), late.promise])
    } finally {
      timer.cancel()
      this.#closing.removeEventListener('abort', abort)
    }
  }

  /** @param arrivedLate gets a client that comes when its time is over. */
  async open(arrivedLate: (client: Client) => void): Promise<Client> {
    this.#arm()
    let opened: Promise<Client> | undefined
    try {
      return await this.#run('open', (signal) => {
        opened = (async () => this.#driver.open(signal))()
        return opened
      })
    } catch (error) {
      // It may have arrived in the very moment in which its time was over: nobody else knows of it.
      opened?.then(arrivedLate, () => {})
      throw error
    }
  }

  async check(client: Client): Promise<void> {
    const { check, require, name } = this.#options
    await this.#run('check', async (signal) => {
      if (typeof check === 'function') await check(client, signal)
      else await this.#driver.check(client, signal)
    })
    if (require === 'writable') {
      const writable = await this.#run('check', (signal) => this.#driver.writable?.(client, signal) ?? true)
      if (!writable) {
        throw new StepError('check', new PeriodicFlushError('READ_ONLY', `${name}: the fresh client is read-only`))
      }
    }
  }

  /** Runs one bounded step of warming up; each has the whole time-out. */
  warm<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#arm()
    return this.#run('warm', work)
  }

  async #run<T>(step: FailedStep, work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
    this.#step = step
    const { signal } = this.#over
    try {
      if (this.#closing.aborted) throw new StepError(step, closedError(this.#options.name))
      const done = (async () => work(signal))()
      done.catch(() => {})
      return await Promise.race([done, this.#aborted.promise])
    } catch (error) {
      throw error instanceof StepError ? error : new StepError(step, this.#wrapped(step, error))
    }
  }

  end(): void {
    this.#timer?.cancel()
    this.#closing.removeEventListener('abort', this.#onClose)
  }

  readonly #onClose = (): void => this.#abort(closedError(this.#options.name))

  #arm(): void {
    const { checkTimeoutMs, name } = this.#options
    this.#timer?.cancel()
    this.#timer = this.#clock.after(checkTimeoutMs, this.#hold, () => {
      const message = `${name}: the step '${this.#step}' of a flush was not done within ${checkTimeoutMs} ms (checkTimeoutMs)`
      this.#abort(new PeriodicFlushError('TIMEOUT', message))
    })
  }

  #abort(error: PeriodicFlushError): void {
    this.#aborted.reject(new StepError(this.#step, error))
    this.#over.abort(error)
  }

  #wrapped(step: FailedStep, error: unknown): PeriodicFlushError {
    if (error instanceof PeriodicFlushError) return error
    const what = step === 'open' ? 'no fresh client could be opened' : `the step '${step}' of a flush failed`
    return new PeriodicFlushError(codes[step] ?? 'OPEN_FAILED', `${this.#options.name}: ${what}: ${messageOf(error)}`, {
      cause: withoutCredentials(error),
    })
  }
}
