import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { Driver } from './driver.ts'
import { Ending } from './ending.ts'

/**
 * Clients that arrive when nobody waits for them any more: each is closed, in bounds.
 *
 * Where `close()` is called meanwhile, they are gone at its deadline.
 */
export class LateArrivals<Client> {
  readonly #driver: Driver<Client>
  readonly #longestMs: number
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #endings = new Map<Ending<Client>, Deferred<void>>()

  /** @param longestMs is how long each may take to close before it is cut. */
  constructor(driver: Driver<Client>, longestMs: number, clock: Clock, failed: (error: unknown) => void) {
    this.#driver = driver
    this.#longestMs = longestMs
    this.#clock = clock
    this.#failed = failed
  }

  close(client: Client): void {
    const over = deferred<void>()
    const gone = (): void => {
      this.#endings.delete(ending)
      over.resolve()
    }
    const ending = new Ending(client, this.#driver, this.#longestMs, this.#clock, { gone, failed: this.#failed })
    this.#endings.set(ending, over)
  }

  /** Resolves when all those that have arrived are gone: what is left at the deadline is cut. */
  async end(deadlineMs: number): Promise<void> {
    if (this.#endings.size === 0) return
    const endings = [...this.#endings]
    const timer = this.#clock.after(deadlineMs, true, () => {
      for (const [ending] of endings) ending.cut()
    })
    await Promise.all(endings.map(([, { promise }]) => promise))
    timer.cancel()
  }
}
