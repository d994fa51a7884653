import type { Clock } from './clock.ts'
import type { ConnectionString } from './connection-string.ts'
import { engines } from './engines.ts'
import { NoAnswer, reasonOf } from './errors.ts'
import { kindOf, lookUp } from './name.ts'
import type { Session } from './session.ts'
import type { Happening, Serving } from './timeline.ts'

export interface Watching {
  /** Default: until `stop`. */
  readonly forMs: number | undefined
  readonly everyMs: number
  /** How long connecting, and each answer, may take. */
  readonly patienceMs: number
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
  const { clock, stop, everyMs, patienceMs, forMs = Number.POSITIVE_INFINITY } = watching
  const start = clock.now()
  const elapsed = () => clock.now() - start
  const held = new Held(to, patienceMs)
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
      kindOf(to) === 'name' &&
        lookUp(to.host, patienceMs).then((answer) => tell({ atMs: elapsed(), what: 'name', answer })),
      freshServing(to, patienceMs).then((serving) => tell({ atMs: elapsed(), what: 'fresh', serving })),
      held.serving().then((serving) => serving && tell({ atMs: elapsed(), what: 'held', serving })),
    ])
    await clock.pause(everyMs, stop)
  }
  held.close()
  return elapsed()
}

async function freshServing(to: ConnectionString, patienceMs: number): Promise<Serving> {
  try {
    const session = await engines[to.engine].connect(to, { patienceMs })
    try {
      return { address: session.address, writable: await session.writable() }
    } finally {
      session.close()
    }
  } catch (error) {
    return failing(to, error)
  }
}

function failing(to: ConnectionString, error: unknown): Serving {
  return { failure: to.hide(reasonOf(error)), hang: error instanceof NoAnswer }
}

/** A connection as a pool holds one: opened once, and kept until it is lost. */
class Held {
  readonly #to: ConnectionString
  readonly #patienceMs: number
  #session: Session | undefined
  #lost: Serving | undefined

  constructor(to: ConnectionString, patienceMs: number) {
    this.#to = to
    this.#patienceMs = patienceMs
  }

  /** Undefined as long as none could be opened. */
  async serving(): Promise<Serving | undefined> {
    if (this.#lost !== undefined) return this.#lost
    try {
      this.#session ??= await engines[this.#to.engine].connect(this.#to, { patienceMs: this.#patienceMs })
    } catch {
      // A new connection tells of the same failure.
      return undefined
    }
    try {
      return { address: this.#session.address, writable: await this.#session.writable() }
    } catch (error) {
      this.#lost = failing(this.#to, error)
      return this.#lost
    }
  }

  close(): void {
    this.#session?.close()
  }
}
