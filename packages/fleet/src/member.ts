import type { Timer, TriggerRequest, Watched } from '@periodic-flush/core'
import type { Command } from './command.ts'

/** A message that is no command is told at most once in so long: whoever may publish must not fill anybody's log. */
const QUIET_MS = 1_000

/** One client of the fleet, and its turn. */
export class Member {
  readonly #watched: Watched
  readonly #spreadMs: number
  /** Set while it waits for its turn. */
  #turn: Timer | undefined
  #quietUntil = Number.NEGATIVE_INFINITY

  constructor(watched: Watched, spreadMs: number) {
    this.#watched = watched
    this.#spreadMs = spreadMs
  }

  /** Asks for a flush after a random part of the spread; while it waits, a further command is the same flush. */
  obey({ only }: Command, request: TriggerRequest): void {
    const { name, clock, random } = this.#watched
    if (this.#turn !== undefined || (only !== undefined && only !== name)) return
    this.#turn = clock.after(this.#spreadMs * random(), false, () => {
      this.#turn = undefined
      this.#watched.flush(request)
    })
  }

  /** Tells of a message that is no command, unless it has told of one just now. */
  refuse(error: unknown): void {
    const now = this.#watched.clock.now()
    if (now < this.#quietUntil) return
    this.#quietUntil = now + QUIET_MS
    this.#watched.failed(error)
  }

  failed(error: unknown): void {
    this.#watched.failed(error)
  }

  stop(): void {
    this.#turn?.cancel()
    this.#turn = undefined
  }
}
