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

  #keepPlace(generation: Generation<Client>, parting: Promise<void>): void {
    generation.parting++
    let over = false
    const end = (): void => {
      if (over) return
      over = true
      timer.cancel()
      generation.parting--
      this.#vacated()
    }
    const timer = this.#clock.after(this.#patienceMs, false, end)
    parting.then(end, end)
  }
}
