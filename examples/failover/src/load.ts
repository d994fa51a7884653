import type { Contender } from './contenders.ts'

/** The acts of the demo: before the name moves, after it, and after the old server froze. */
export type Act = 'before' | 'move' | 'freeze'

/** Steady load on one client: so many queries a second, whether answered or not. */
export class Load {
  readonly contender: Contender
  /** Who answered last, by address. */
  server: string | undefined
  answered = 0
  readonly failed: Record<Act, number> = { before: 0, move: 0, freeze: 0 }
  /** Milliseconds from the move of the name to the first answer of the new server. */
  movedAfterMs: number | undefined
  peak = 0
  lastError: unknown
  #asked = 0
  #pending = 0
  #timer: NodeJS.Timeout | undefined

  constructor(contender: Contender) {
    this.contender = contender
  }

  get unanswered(): number {
    return this.#pending
  }

  /** `now` says which act it is, and when the name moved. */
  start(rate: number, now: () => { act: Act; movedAt: number | undefined; target: string }): void {
    const start = performance.now()
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - start) * rate) / 1_000)
      for (; this.#asked < due; this.#asked++) this.#ask(now)
    }, 5)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #ask(now: () => { act: Act; movedAt: number | undefined; target: string }): void {
    this.#pending++
    // A failure counts for the act in which the query was asked.
    const { act } = now()
    this.contender
      .visit()
      .then(
        (server) => {
          this.answered++
          this.server = server ?? undefined
          const { movedAt, target } = now()
          if (server === target && movedAt !== undefined) this.movedAfterMs ??= performance.now() - movedAt
        },
        (error: unknown) => {
          this.failed[act]++
          this.lastError = error
        },
      )
      .finally(() => this.#pending--)
  }
}
