import type { Clock } from '@periodic-flush/core'

/** Where the name leads before and after it moves. */
export const OLD = '10.0.0.1'
export const NEW = '10.0.0.2'

/** The servers as a fleet sees them: one name, which moves, and a count of connects. */
export class Network {
  /** What the name's look-up answers. */
  address = OLD
  /** When each connection was made, in milliseconds, since `record` was called. */
  readonly connects: number[] = []
  readonly #clock: Clock
  #recordsFrom = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts from now on. */
  record(): void {
    this.#recordsFrom = this.#clock.now()
  }

  /** Connects to whatever the name says now. */
  connect(): string {
    const now = this.#clock.now()
    if (now >= this.#recordsFrom) this.connects.push(now)
    return this.address
  }
}
