import type { Admission } from './admission.ts'
import type { Driver } from './driver.ts'
import type { FailedStep } from './events.ts'
import type { Generation } from './generation.ts'
import { type Opening, StepError } from './opening.ts'

/** What the room tells the rotator. */
export interface RoomListener {
  /** A connection has closed. */
  vacated(): void
  failed(reason: string, step: FailedStep, error: unknown): void
}

/**
 * Room for a fresh client's connections beside those of the old one.
 *
 * A pool that is swapped cold makes a burst of connects, and that burst is what callers feel; a pool that is warmed
 * beside a full one is twice the limit. So the old one gives up an idle connection for each that the fresh one opens.
 */
export class Room<Client> {
  readonly #driver: Driver<Client>
  readonly #admission: Admission<Client>
  readonly #listener: RoomListener
  /** Called when a lease ends or a connection closes. */
  readonly #vacancies = new Set<() => void>()

  constructor(driver: Driver<Client>, admission: Admission<Client>, listener: RoomListener) {
    this.#driver = driver
    this.#admission = admission
    this.#listener = listener
  }

  /** Whether somebody waits for room. */
  get wanted(): boolean {
    return this.#vacancies.size > 0
  }

  /** A lease has ended or a connection has closed: whoever waits for room looks again. */
  vacated(): void {
    // Seldom anybody does, and this is on the way of every release that serves a waiting caller.
    if (this.#vacancies.size === 0) return
    const vacancies = [...this.#vacancies]
    this.#vacancies.clear()
    for (const resolve of vacancies) resolve()
  }

  /**
   * Claims one more connection, closing idle ones of `previous` if need be, and waiting for one to become idle. False if
   * `signal` aborted first; true, with one more than there may be, where the driver cannot close an idle one.
   */
  async claim(previous: Generation<Client>, signal: AbortSignal): Promise<boolean> {
    this.#admission.claims = 1
    const look = (): void => this.vacated()
    signal.addEventListener('abort', look, { once: true })
    try {
      while (!signal.aborted && this.#admission.excess(previous) > 0) {
        if (this.#driver.shrink !== undefined && previous.idle > 0) {
          const idleStays = !(await this.#shrink(previous)) && previous.idle > 0
          // A driver that cannot close it must not keep a flush from its end: the check comes on top then.
          if (idleStays) return true
        } else {
          await new Promise<void>((resolve) => this.#vacancies.add(resolve))
        }
      }
      return !signal.aborted
    } finally {
      signal.removeEventListener('abort', look)
    }
  }

  /**
   * Opens as many connections as the old client had busy at once lately, one after the other. For each that would
   * exceed the limit, an idle one of the old client is closed first, as long as it keeps one to spare.
   */
  async fill(
    previous: Generation<Client>,
    fresh: Generation<Client>,
    opening: Opening<Client>,
    closing: AbortSignal,
  ): Promise<void> {
    const { warm } = this.#driver
    if (warm === undefined) return
    const wanted = Math.min(fresh.limit, previous.limit, previous.peak, previous.connections)
    try {
      for (let count = fresh.asked + 1; count <= wanted; count++) {
        // Claimed before room is made for it, or a caller would take that room for the old client.
        fresh.asked = count
        if (this.#admission.excess(fresh) > 0) {
          const spare = previous.idle > 1
          if (!spare || !(await opening.warm(() => this.#shrink(previous)))) {
            fresh.asked = count - 1
            return
          }
        }
        await opening.warm((signal) => warm.call(this.#driver, fresh.client, count, signal))
      }
    } catch (error) {
      if (closing.aborted) throw error
      // The check has proved the client already: what could not be warmed connects on demand.
      this.#listener.failed('warm-up', 'warm', error instanceof StepError ? error.error : error)
    }
  }

  /** Closes one idle connection of a client that serves; false if it could not. */
  async #shrink(generation: Generation<Client>): Promise<boolean> {
    const before = generation.connections
    generation.leaving++
    try {
      await this.#driver.shrink?.(generation.client, 1)
    } catch (error) {
      this.#listener.failed('make room', 'shrink', error)
    } finally {
      generation.leaving--
    }
    this.#listener.vacated()
    return generation.connections < before
  }
}
