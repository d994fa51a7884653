import type { Contender } from './contenders.ts'

/** The acts of the demo: before the name moves, after it, and after the old server froze. */
export type Act = 'before' | 'move' | 'freeze'

/** Which act it is, when the name last moved, and to which address. */
export interface Now {
  readonly act: Act
  readonly movedAt: number | undefined
  readonly target: string
}

/** More than this are not left waiting for a server that does not answer: memory has an end. */
const MOST_WAITING = 20_000

/** Steady load on one client: so many queries a second, whether answered or not. */
export class Load {
  readonly contender: Contender
  /** Who answered last, by address. */
  server: string | undefined
  /** How many queries each server has answered, by address. */
  readonly answeredBy = new Map<string, number>()
  readonly failed: Record<Act, number> = { before: 0, move: 0, freeze: 0 }
  /** Milliseconds from the last move of the name to the first answer of the server that it points at now. */
  movedAfterMs: number | undefined
  peak = 0
  lastError: unknown
  #asked = 0
  #pending = 0
  #timer: NodeJS.Timeout | undefined

  constructor(contender: Contender) {
    this.contender = contender
  }

  get answered(): number {
    return [...this.answeredBy.values()].reduce((sum, count) => sum + count, 0)
  }

  get failures(): number {
    return this.failed.before + this.failed.move + this.failed.freeze
  }

  get unanswered(): number {
    return this.#pending
  }

  start(rate: number, now: () => Now): void {
    const start = performance.now()
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - start) * rate) / 1_000)
      for (; this.#asked < due; this.#asked++) if (this.#pending < MOST_WAITING) this.#ask(now)
    }, 5)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #ask(now: () => Now): void {
    this.#pending++
    // A failure counts for the act in which the query was asked.
    const { act } = now()
    this.contender
      .visit()
      .then(
        (server) => {
          this.server = server ?? undefined
          const by = server ?? 'unknown'
          this.answeredBy.set(by, (this.answeredBy.get(by) ?? 0) + 1)
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
