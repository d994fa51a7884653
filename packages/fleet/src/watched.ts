import type { Clock, Watched as Contract } from '@periodic-flush/core'

/** What core is about to tell triggers beside today's contract. */
export interface Watched extends Contract {
  readonly clock: Clock
  readonly random: () => number
  failed(error: unknown): void
}
