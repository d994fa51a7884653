import { randomUUID } from 'node:crypto'
import type { Listening } from './listening.ts'

/**
 * The line between two connections that listen to the same channels of one server.
 *
 * A server hands all its listeners the same notifications in the same order, that of the commits. So a notification of
 * our own parts them: what comes before it is the old connection's, what comes after it the fresh one's.
 */
export class Fence {
  /** Resolves once both connections have come to it: from then on the fresh one may deliver. */
  readonly passed: Promise<void>
  readonly #payload = randomUUID()
  readonly #old: Listening
  readonly #fresh: Listening
  readonly #reached = new Set<Listening>()
  #pass = (): void => {}

  constructor(old: Listening, fresh: Listening) {
    this.#old = old
    this.#fresh = fresh
    this.passed = new Promise((resolve) => {
      this.#pass = resolve
    })
  }

  send(): Promise<void> {
    return this.#fresh.notify(this.#payload)
  }

  /** A connection has come to a fence, maybe to this one. */
  reached(listening: Listening, payload: string): void {
    if (payload !== this.#payload) return
    if (listening === this.#old) this.#old.silence()
    else this.#fresh.hold()
    this.#reached.add(listening)
    if (this.#reached.size === 2) this.#pass()
  }
}
