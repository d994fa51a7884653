import type { Timer, TriggerRequest, Watched } from '@periodic-flush/core'
import type { Command } from './command.ts'

/** One client of the fleet, and its turn. */
export class Member {
  readonly #watched: Watched
  readonly #spreadMs: number
  /** Set while it waits for its turn. */
  #turn: Timer | undefined

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

  failed(error: unknown): void {
    this.#watched.failed(error)
  }

  stop(): void {
    this.#turn?.cancel()
    this.#turn = undefined
  }
}
