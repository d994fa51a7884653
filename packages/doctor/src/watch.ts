import type { Clock } from './clock.ts'
import type { ConnectionString } from './connection-string.ts'
import { engines } from './engines.ts'
import { reasonOf } from './errors.ts'
import { kindOf, lookUp } from './name.ts'
import type { Session } from './session.ts'
import type { Happening, Serving } from './timeline.ts'

export interface Watching {
  /** Default: until `stop`. */
  readonly forMs: number | undefined
  readonly everyMs: number
  readonly clock: Clock
  readonly stop: AbortSignal
  onHappening(happening: Happening): void
}

/**
 * Follows a switch-over until its time is over or `stop` aborts. It looks the name up, opens a new connection, and asks
 * one that it holds since the start, again and again; what changes is told once, in the order of time. No failure of
 * the database is thrown. Resolves with the milliseconds it took, and leaves no connection.
 */
export async function watch(to: ConnectionString, watching: Watching): Promise<number> {
  const { clock, stop, everyMs, forMs = Number.POSITIVE_INFINITY } = watching
  const start = clock.now()
  const elapsed = () => clock.now() - start
  const held = new Held(to)
  const last = new Map<Happening['what'], string>()
  const tell = (happening: Happening) => {
    const { atMs, what, ...state } = happening
    const text = JSON.stringify(state)
    if (last.get(what) === text) return
    last.set(what, text)
    watching.onHappening(happening)
  }
  while (!stop.aborted && elapsed() <= forMs) {
    // All three at once: a server that hangs must not hide that the name has moved.
    await Promise.all([
      kindOf(to) === 'name' && lookUp(to.host).then((answer) => tell({ atMs: elapsed(), what: 'name', answer })),
      freshServing(to).then((serving) => tell({ atMs: elapsed(), what: 'fresh', serving })),
      held.serving().then((serving) => serving && tell({ atMs: elapsed(), what: 'held', serving })),
    ])
    await clock.pause(everyMs, stop)
  }
  held.close()
  return elapsed()
}

async function freshServing(to: ConnectionString): Promise<Serving> {
  try {
    const session = await engines[to.engine].connect(to)
    try {
      return { address: session.address, writable: await session.writable() }
    } finally {
      session.close()
    }
  } catch (error) {
    return { failure: to.hide(reasonOf(error)) }
  }
}

/** A connection as a pool holds one: opened once, and kept until it is lost. */
class Held {
  readonly #to: ConnectionString
  #session: Session | undefined
  #lost: Serving | undefined

  constructor(to: ConnectionString) {
    this.#to = to
  }

  /** Undefined as long as none could be opened. */
  async serving(): Promise<Serving | undefined> {
    if (this.#lost !== undefined) return this.#lost
    try {
      this.#session ??= await engines[this.#to.engine].connect(this.#to)
    } catch {
      // A new connection tells of the same failure.
      return undefined
    }
    try {
      return { address: this.#session.address, writable: await this.#session.writable() }
    } catch (error) {
      this.#lost = { failure: this.#to.hide(reasonOf(error)) }
      return this.#lost
    }
  }

  close(): void {
    this.#session?.close()
  }
}
