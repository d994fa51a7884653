import type { Query } from './client.ts'
import { ofOwner, thrownByOwner } from './thrown.ts'

/** The steps of a cursor: either its owner waits for rows, or has some and has not asked for more yet. */
export class Cursor {
  readonly #query: Query
  readonly #give: (rows: unknown) => unknown
  readonly #live: () => boolean
  #stepping = false

  /**
   * @param give hands rows to the owner.
   * @param live whether the connection is still there.
   */
  constructor(query: Query, give: (rows: unknown) => unknown, live: () => boolean) {
    this.#query = query
    this.#give = ofOwner(give)
    this.#live = live
  }

  /**
   * One step. What its owner does after the connection is lost never comes back to it: postgres.js would write to a
   * socket that is gone, and throw where nobody catches.
   */
  step(rows: unknown): Promise<unknown> {
    this.#stepping = true
    const step = this.#give(rows)
    return new Promise((resolve, reject) => {
      const unless = (settle: (value: unknown) => void) => {
        return (value: unknown) => {
          this.#stepping = false
          if (this.#live()) settle(value)
        }
      }
      const fail = unless(reject)
      Promise.resolve(step).then(unless(resolve), (error) => fail(thrownByOwner(error)))
    })
  }

  /** Tells the owner, at once or when asked for more. */
  fail(error: unknown): void {
    this.#query.reject(error)
    this.failed(error)
  }

  /** It was rejected. An owner that has rows is told when it asks for more: natively the cursor would seem to have ended. */
  failed(error: unknown): void {
    const query = this.#query
    if (!this.#stepping) return
    query.active = true
    query.execute = () => {
      query.reject(error)
      return query
    }
  }
}
