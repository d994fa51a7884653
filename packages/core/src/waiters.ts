import type { Clock, Timer } from './clock.ts'
import { PeriodicFlushError } from './errors.ts'
import type { Holder, Lease } from './generation.ts'

/** How long a caller is willing to wait for a lease; without any of these, as long as it takes. */
export interface AcquireOptions {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Gives up after that many milliseconds, with TIMEOUT. While it waits, the timer keeps the process alive. */
  readonly timeoutMs?: number | undefined
}

/** Callers that wait for a lease, first in first out. */
export class Waiters<Client> {
  readonly #name: string
  readonly #clock: Clock
  readonly #queue = new Set<Waiter<Client>>()

  constructor(name: string, clock: Clock) {
    this.#name = name
    this.#clock = clock
  }

  get size(): number {
    return this.#queue.size
  }

  /** Resolves when the caller's turn has come. */
  wait(holder: Holder, { signal, timeoutMs }: AcquireOptions): Promise<Lease<Client>> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(holder, resolve, reject)
      this.#queue.add(waiter)
      if (signal !== undefined) {
        const giveUp = (): void => this.#giveUp(waiter, signal.reason)
        signal.addEventListener('abort', giveUp, { once: true })
        waiter.unlisten = () => signal.removeEventListener('abort', giveUp)
      }
      if (timeoutMs !== undefined) {
        waiter.timer = this.#clock.after(timeoutMs, true, () => this.#giveUp(waiter, this.#timeout(timeoutMs)))
      }
    })
  }

  /** Hands a lease to one after the other, for as long as `lease` gives one. */
  serve(lease: (holder: Holder) => Lease<Client> | undefined): void {
    for (const waiter of this.#queue) {
      const given = lease(waiter.holder)
      if (given === undefined) return
      this.#queue.delete(waiter)
      waiter.resolve(given)
    }
  }

  rejectAll(error: unknown): void {
    const waiters = [...this.#queue]
    this.#queue.clear()
    for (const waiter of waiters) waiter.reject(error)
  }

  #giveUp(waiter: Waiter<Client>, reason: unknown): void {
    if (this.#queue.delete(waiter)) waiter.reject(reason)
  }

  #timeout(timeoutMs: number): PeriodicFlushError {
    return new PeriodicFlushError('TIMEOUT', `${this.#name}: no connection became free within ${timeoutMs} ms`)
  }
}

/** A caller that waits, and what ends the waiting before its turn. */
class Waiter<Client> {
  readonly holder: Holder
  timer: Timer | undefined
  unlisten: (() => void) | undefined
  readonly #resolve: (lease: Lease<Client>) => void
  readonly #reject: (error: unknown) => void

  constructor(holder: Holder, resolve: (lease: Lease<Client>) => void, reject: (error: unknown) => void) {
    this.holder = holder
    this.#resolve = resolve
    this.#reject = reject
  }

  resolve(lease: Lease<Client>): void {
    this.#end()
    this.#resolve(lease)
  }

  reject(error: unknown): void {
    this.#end()
    this.#reject(error)
  }

  #end(): void {
    this.timer?.cancel()
    this.unlisten?.()
  }
}
