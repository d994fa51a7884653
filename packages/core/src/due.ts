import { type Clock, LATEST_MS, type Timer } from './clock.ts'
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
  #awakeUntil = Number.POSITIVE_INFINITY
  /** What was opened before that time is not trusted, for that reason, also if it serves only later. */
  #distrusted: { readonly before: number; readonly reason: string } | undefined
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

  /** A timer fires at that time: if it does so much later, the process was suspended. */
  armed(dueAt: number): void {
    this.#awakeUntil = dueAt + LATEST_MS
  }

  /** Whether the process has been suspended; tells once. */
  wakes(now: number): boolean {
    if (now <= this.#awakeUntil) return false
    // The timer that is late fires any moment.
    this.armed(now)
    return true
  }

  /** Whether whoever uses it now waits for a flush. */
  has(generation: Generation<Client>, now: number): boolean {
    if (this.wakes(now)) this.mark(generation, 'woke up')
    else if (now - generation.agesFrom > this.#maxAgeMs) generation.due ??= 'max-age'
    return generation.due !== undefined
  }

  /** It serves from now on: the process may have slept since it was opened. */
  serves(generation: Generation<Client>, now: number): void {
    // Not since it was opened: where a check takes longer than `maxAgeMs`, nobody would ever be served.
    generation.agesFrom = now
    if (this.wakes(now)) this.#distrusted = { before: now, reason: 'woke up' }
    const { before, reason } = this.#distrusted ?? { before: Number.NEGATIVE_INFINITY }
    if (generation.openedAt < before) generation.due = reason
  }

  /** Whoever uses it next waits for a flush; where `atMostMs` is given, until that time is over. */
  mark(generation: Generation<Client>, reason: string, atMostMs?: number): void {
    this.#patience?.cancel()
    generation.due = reason
    if (atMostMs === undefined) {
      this.#distrusted = { before: this.#clock.now(), reason }
      return
    }
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
