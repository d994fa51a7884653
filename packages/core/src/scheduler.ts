import { backoff } from './backoff.ts'
import { type Clock, LATEST_MS, type Timer } from './clock.ts'

/** What a schedule needs to know. */
export interface ScheduleOptions {
  readonly intervalMs: number | false
  readonly jitter: number
}

/** What a schedule tells, and asks for. */
export interface ScheduleListener {
  /** It is time. */
  flush(): Promise<unknown>
  /** When a timer fires next, on the clock; `Infinity` for never. */
  armed(dueAt: number): void
  /** One has fired. */
  fired(): void
}

/** The first retry comes after at most this long. */
const FIRST_RETRY_MS = 1_000
/** Retries never come further apart than this, or than the interval if that is longer. */
const LONGEST_RETRY_MS = 30_000

/**
 * When to flush: once per interval, each period shortened at random by up to `jitter`, so that it is never exceeded.
 *
 * The first period is a random part of an ordinary one (unless `jitter` is 0): the processes of a fleet that start
 * together then flush as evenly from the first second as ever after. A part of the whole interval would be too long:
 * towards its end, processes that flush for the first time would meet those that flush again. After a failure the next
 * try comes with exponential backoff: 1 s or the interval, whichever is shorter, doubled each time up to 30 s or the
 * interval, whichever is longer; halved at random.
 */
export class Scheduler {
  readonly #options: ScheduleOptions
  readonly #clock: Clock
  readonly #random: () => number
  readonly #listener: ScheduleListener
  #state: 'idle' | 'running' | 'paused' | 'stopped' = 'idle'
  #timer: Timer | undefined
  #failures = 0
  /** How many other timers do this one's work. */
  #takers = 0

  constructor(options: ScheduleOptions, clock: Clock, random: () => number, listener: ScheduleListener) {
    this.#options = options
    this.#clock = clock
    this.#random = random
    this.#listener = listener
  }

  get state(): 'idle' | 'running' | 'paused' | 'stopped' {
    return this.#state
  }

  /** Begins with the first use; nothing happens if it has begun. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'running'
    const { intervalMs, jitter } = this.#options
    if (intervalMs === false || this.#takers > 0) return
    this.#flushAfter(this.#period(intervalMs) * (jitter === 0 ? 1 : 1 - this.#random()))
  }

  /** Stops flushing until `resume`. */
  pause(): void {
    if (this.#state === 'stopped') return
    this.#state = 'paused'
    this.#disarm()
  }

  /** Goes on, with a whole period before the next flush. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    this.#next()
  }

  /** Another timer does this one's work, until `giveBack` was called as often as this. */
  take(): void {
    this.#takers++
    this.#disarm()
  }

  giveBack(): void {
    this.#takers--
    this.#next()
  }

  stop(): void {
    this.#state = 'stopped'
    this.#disarm()
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#listener.armed(Number.POSITIVE_INFINITY)
  }

  #next(): void {
    const { intervalMs } = this.#options
    if (intervalMs === false || this.#state !== 'running' || this.#takers > 0) return
    if (this.#failures === 0) {
      this.#flushAfter(this.#period(intervalMs))
      return
    }
    const first = Math.min(intervalMs, FIRST_RETRY_MS)
    const longest = Math.max(intervalMs, LONGEST_RETRY_MS)
    this.#flushAfter(backoff(this.#failures, first, longest, this.#random))
  }

  #period(intervalMs: number): number {
    return intervalMs * (1 - this.#options.jitter * this.#random())
  }

  #flushAfter(ms: number): void {
    this.#after(Math.max(1, ms), () => {
      this.#watchOver()
      this.#listener.flush().then(
        () => this.#settle(0),
        () => this.#settle(this.#failures + 1),
      )
    })
  }

  /** A flush may take its time: meanwhile it is known, too, when the process should have been heard of. */
  #watchOver(): void {
    this.#after(LATEST_MS, () => this.#watchOver())
  }

  #after(ms: number, callback: () => void): void {
    this.#listener.armed(this.#clock.now() + ms)
    // A flush may end after a pause and a resume, or a take and a give-back, which have set a timer already.
    this.#timer?.cancel()
    this.#timer = this.#clock.after(ms, false, () => {
      this.#listener.fired()
      callback()
    })
  }

  #settle(failures: number): void {
    this.#failures = failures
    this.#next()
  }
}
