import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import { PeriodicFlushError } from './errors.ts'
import type { Generation } from './generation.ts'

/** Keeps new work waiting until all that runs has ended. */
export class Hold<Client> {
  readonly #live: ReadonlySet<Generation<Client>>
  readonly #name: string
  readonly #clock: Clock
  #holding = 0
  readonly #quiet = new Set<() => void>()

  constructor(live: ReadonlySet<Generation<Client>>, name: string, clock: Clock) {
    this.#live = live
    this.#name = name
    this.#clock = clock
  }

  /** Whether new work waits. */
  get active(): boolean {
    return this.#holding > 0
  }

  /**
   * Does `work` once nothing runs any more, and lets nothing begin until it is done.
   *
   * Rejects with TIMEOUT if something still runs after `timeoutMs`, and with the reason of `signal` once that aborts;
   * `work` has not begun then.
   */
  async during<T>(timeoutMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    this.#holding++
    try {
      await this.#quietWithin(timeoutMs, signal)
      return await work()
    } finally {
      this.#holding--
    }
  }

  /** A lease has been given back. */
  released(): void {
    if (this.#quiet.size === 0 || this.#running > 0) return
    for (const resolve of this.#quiet) resolve()
  }

  async #quietWithin(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#running === 0) return
    const quiet = deferred<void>()
    const stop = (): void => quiet.reject(signal.reason)
    const timer = this.#clock.after(timeoutMs, true, () => {
      const message = `${this.#name}: ${this.#running} leases were still out after ${timeoutMs} ms (timeoutMs of hold)`
      quiet.reject(new PeriodicFlushError('TIMEOUT', message))
    })
    const resolve = (): void => quiet.resolve()
    this.#quiet.add(resolve)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await quiet.promise
    } finally {
      timer.cancel()
      this.#quiet.delete(resolve)
      signal.removeEventListener('abort', stop)
    }
  }

  /** Listeners do not count: they are handed over, and never end by themselves. */
  get #running(): number {
    let running = 0
    for (const { pooled } of this.#live) running += pooled
    return running
  }
}
