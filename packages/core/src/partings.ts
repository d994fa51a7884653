import type { Clock } from './clock.ts'
import type { Driver } from './driver.ts'
import type { Generation } from './generation.ts'

/**
 * The connections that clients close by themselves as a lease ends. Each keeps its place until it is closed: a client that
 * opens another at once would hold more than its limit.
 */
export class Partings<Client> {
  readonly #driver: Driver<Client>
  readonly #patienceMs: number
  readonly #clock: Clock
  readonly #vacated: () => void
  /** What ends each that is waited for. */
  readonly #ends = new Set<() => void>()

  /** A place is kept for at most `patienceMs`: a server that answers no farewell must not use all of them up. */
  constructor(driver: Driver<Client>, patienceMs: number, clock: Clock, vacated: () => void) {
    this.#driver = driver
    this.#patienceMs = patienceMs
    this.#clock = clock
    this.#vacated = vacated
  }

  /** A lease has ended. */
  released(generation: Generation<Client>): void {
    const parting = this.#driver.parting?.(generation.client)
    if (parting !== undefined) this.#keepPlace(generation, parting)
  }

  /** Nobody wants their places any more. */
  end(): void {
    for (const end of this.#ends) end()
  }

  #keepPlace(generation: Generation<Client>, parting: Promise<void>): void {
    generation.parting++
    const end = (): void => {
      if (!this.#ends.delete(end)) return
      timer.cancel()
      generation.parting--
      this.#vacated()
    }
    const timer = this.#clock.after(this.#patienceMs, false, end)
    this.#ends.add(end)
    parting.then(end, end)
  }
}
