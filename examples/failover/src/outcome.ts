import type { Load } from './load.ts'

/** How much longer than an interval a move may take: the time to open, check and warm a fresh client. */
const MARGIN_MS = 1_000

/** What the scripted run came to: a table of all clients, and whether the wrapped ones came over as they should. */
export class Outcome {
  readonly #loads: readonly Load[]
  readonly #unanswered: ReadonlyMap<Load, number>
  /** The wrapped clients that were late, failed in the move, or still waited at the end. */
  readonly #failures: readonly Load[]

  constructor(loads: readonly Load[], unanswered: ReadonlyMap<Load, number>, intervalMs: number) {
    this.#loads = loads
    this.#unanswered = unanswered
    this.#failures = loads.filter((load) => {
      if (load.contender.flushing === undefined) return false
      const late = load.movedAfterMs === undefined || load.movedAfterMs > intervalMs + MARGIN_MS
      return late || load.failed.before + load.failed.move > 0 || (unanswered.get(load) ?? 0) > 0
    })
  }

  get passed(): boolean {
    return this.#failures.length === 0
  }

  print(): void {
    console.log()
    console.table(
      Object.fromEntries(
        this.#loads.map((load) => [
          load.contender.name,
          {
            'new server after': load.movedAfterMs === undefined ? 'never' : `${load.movedAfterMs.toFixed(0)} ms`,
            'failed in the move': load.failed.before + load.failed.move,
            'failed in the freeze': load.failed.freeze,
            'never answered': this.#unanswered.get(load),
            'peak connections': load.peak,
          },
        ]),
      ),
    )
    for (const { contender, lastError } of this.#failures) {
      console.error(`${contender.name} did not come over as it should have:`, lastError ?? 'too late')
    }
  }
}
