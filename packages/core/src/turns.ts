import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import type { FlushReport } from './flush-report.ts'
import { type FlushRequest, merged } from './flush-request.ts'

/** A flush under way: `swapped` as soon as the fresh client serves, `drained` once the old one is dealt with. */
export interface Turn {
  request: FlushRequest
  readonly askedAt: number
  /** A caller waits for it until the old client is dealt with, so that the deadline's timer keeps the process alive. */
  awaited: boolean
  readonly swapped: Promise<FlushReport>
  readonly drained: Promise<FlushReport>
}

/** Flushes; calls `swapped` as soon as the fresh client serves. */
type Take = (turn: Turn, swapped: (report: FlushReport) => void) => Promise<FlushReport>

/**
 * One flush at a time.
 *
 * Requests made before a flush has begun to open share it; later ones share the one that follows, since the name may
 * have moved in between.
 */
export class Turns {
  readonly #clock: Clock
  readonly #take: Take
  /** The flush that has been asked for and has not begun to open. */
  #next: Turn | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock, take: Take) {
    this.#clock = clock
    this.#take = take
  }

  /** Resolves when the flush that was asked for last has swapped or failed. */
  get last(): Promise<unknown> {
    return this.#last
  }

  ask(request: FlushRequest, wait: 'drained' | 'swapped'): Promise<FlushReport> {
    if (this.#next === undefined) this.#next = this.#queue(request)
    else this.#next.request = merged(this.#next.request, request)
    if (wait === 'drained' && request.hold) this.#next.awaited = true
    return this.#next[wait]
  }

  /** It begins to open, or ends before that: whoever asks now shares the next one. */
  begin(turn: Turn): void {
    if (this.#next === turn) this.#next = undefined
  }

  #queue(request: FlushRequest): Turn {
    const swapped = deferred<FlushReport>()
    const turn: Turn = {
      request,
      askedAt: this.#clock.now(),
      awaited: false,
      swapped: swapped.promise,
      drained: this.#last.then(() => this.#take(turn, swapped.resolve)),
    }
    // A caller that waits for one of the two has not asked for the rejection of the other.
    turn.drained.then(swapped.resolve, swapped.reject)
    swapped.promise.catch(() => {})
    this.#last = swapped.promise.catch(() => {})
    return turn
  }
}
