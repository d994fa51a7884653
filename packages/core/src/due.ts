import type { Clock, Timer } from './clock.ts'
import type { Generation } from './generation.ts'

/** What a due flush needs of the rotator. */
export interface DueListener {
  /** Flushes; rejects if that fails. */
  flush(reason: string): Promise<unknown>
  /** It has failed: those who waited are served by the old client. */
  postponed(): void
}

/**
 * Generations whose next use waits for a flush: one that is too old, one that may have died while the process slept, one
 * that was to be flushed while nobody used it.
 */
export class Due<Client> {
  /** A timer fires before this time. If it is later and none has, the process was suspended. */
  awakeUntil = Number.POSITIVE_INFINITY
  readonly #maxAgeMs: number
  readonly #clock: Clock
  readonly #listener: DueListener
  /** The generation that a flush is about to replace for those who wait. */
  #flushing: Generation<Client> | undefined
  /** Ends how long callers wait for a flush that may not come to its end. */
  #patience: Timer | undefined

  constructor(maxAgeMs: number | false, clock: Clock, listener: DueListener) {
    this.#maxAgeMs = maxAgeMs === false ? Number.POSITIVE_INFINITY : maxAgeMs
    this.#clock = clock
    this.#listener = listener
  }

  /** Whether whoever uses it now waits for a flush. */
  has(generation: Generation<Client>, now: number): boolean {
    if (now > this.awakeUntil) {
      this.awakeUntil = Number.POSITIVE_INFINITY
      generation.due = 'woke up'
    } else if (now - generation.agesFrom > this.#maxAgeMs) {
      generation.due ??= 'max-age'
    }
    return generation.due !== undefined
  }

  /** Whoever uses it next waits for a flush; where `atMostMs` is given, until that time is over. */
  mark(generation: Generation<Client>, reason: string, atMostMs?: number): void {
    this.#patience?.cancel()
    generation.due = reason
    if (atMostMs === undefined) return
    this.#patience = this.#clock.after(atMostMs, false, () => {
      generation.due = undefined
      this.#listener.postponed()
    })
  }

  /** Leaves no timer behind. */
  end(): void {
    this.#patience?.cancel()
  }

  /** Flushes for those who wait: all for the same flush, also those who come while it opens. */
  flush(generation: Generation<Client>): void {
    if (this.#flushing === generation || generation.due === undefined) return
    this.#flushing = generation
    const settle = () => {
      // By then it may be another's turn.
      if (this.#flushing !== generation) return
      this.#flushing = undefined
      this.#patience?.cancel()
    }
    this.#listener.flush(generation.due).then(settle, () => {
      settle()
      // The old client is given another term before it is tried again.
      generation.agesFrom = this.#clock.now()
      generation.due = undefined
      this.#listener.postponed()
    })
  }
}
