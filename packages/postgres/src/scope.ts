import { Stream } from 'node:stream'
import type { Callable, Query } from './client.ts'
import { Cursor } from './cursor.ts'
import { suspect } from './suspect.ts'
import { isThrownByOwner, ofOwner, thrownByOwner } from './thrown.ts'

/** The `notify` of the facade. */
export type Notify = (channel: string, payload: unknown) => Promise<unknown>

type Args = readonly unknown[]

/** What postgres.js hands out for one connection: a transaction's `sql`, a savepoint's, a reserved one. */
export interface ScopedSql extends Callable {
  notify: Notify
  file(...args: Args): Query
  savepoint?: (...args: Args) => unknown
}

/** Whether an error says that its connection is gone, or is about to be. */
export function tellsOfLoss(error: unknown): boolean {
  if (isThrownByOwner(error)) return false
  // A server's own error of class 08 may be about a connection that the server has made to another one.
  if (typeof error === 'object' && error !== null && 'severity' in error) {
    return error.severity === 'FATAL' || error.severity === 'PANIC'
  }
  return suspect(error) === 'lost'
}

/**
 * What the owner of one connection asks of it.
 *
 * Nothing is sent on a connection that is lost. postgres.js would: a statement, or the ROLLBACK of a transaction, that it
 * writes to a socket that is gone throws where nobody catches, which ends the process, or leaves the connection unable to
 * connect again.
 *
 * postgres.js would say CONNECTION_DESTROYED, or nothing at all, to whatever a cut finds there; and it runs `notify` of a
 * transaction beside it, on any connection of the same client, where one that retires has none.
 */
export class Scope {
  readonly #notify: Notify
  readonly #failed: (error: unknown) => void
  /** What runs, and how to end it. */
  readonly #running = new Map<Query, (error: Error) => void>()
  /** How to end the savepoints that are open. */
  readonly #savepoints = new Set<(error: Error) => void>()
  /** Why nothing more is sent. */
  #over: Error | undefined

  /** @param failed is called with whatever fails, also if the owner catches that. */
  constructor(notify: Notify, failed: (error: unknown) => void) {
    this.#notify = notify
    this.#failed = failed
  }

  /** Whether nothing more is sent. */
  get isOver(): boolean {
    return this.#over !== undefined
  }

  /** Fails what runs and whatever is asked later: nothing more is sent. */
  cut(error: Error): void {
    this.#over ??= error
    for (const end of this.#running.values()) end(error)
    this.#running.clear()
    this.lose(error)
  }

  /** The connection is lost: so are its savepoints, and whatever is asked later. postgres.js tells what runs. */
  lose(error: Error): void {
    this.#over ??= error
    for (const end of this.#savepoints) end(error)
    this.#savepoints.clear()
  }

  /** The same `sql`, with its statements watched and with our `notify`; in savepoints too. */
  of<Sql extends ScopedSql>(native: Sql): Sql {
    const sql = (first: unknown, ...rest: Args): unknown => this.#watched(native(first, ...rest))
    const { savepoint } = native
    return Object.assign(sql, native, {
      notify: this.#notify,
      unsafe: (text: string, ...rest: Args) => this.#watched(native.unsafe(text, ...rest)),
      file: (...args: Args) => this.#watched(native.file(...args)),
      ...(savepoint && { savepoint: (...args: Args) => this.#savepoint(savepoint, args) }),
    })
  }

  /** The arguments of `begin` or `savepoint`, whose last one is what gets the scope. */
  work(args: Args): Args {
    const work = args.at(-1)
    if (typeof work !== 'function') return args
    const scoped = async (native: ScopedSql): Promise<unknown> => {
      try {
        const done: unknown = work(this.of(native))
        return await (Array.isArray(done) ? Promise.all(done) : done)
      } catch (error) {
        // What a statement has failed with was told when it did.
        throw thrownByOwner(error)
      } finally {
        // It never comes back to postgres.js, which would write COMMIT or ROLLBACK to a socket that is gone.
        if (this.#over !== undefined) await new Promise(() => {})
      }
    }
    return [...args.slice(0, -1), scoped]
  }

  #savepoint(savepoint: (...args: Args) => unknown, args: Args): Promise<unknown> {
    if (this.#over !== undefined) return Promise.reject(this.#over)
    return new Promise((resolve, reject) => {
      this.#savepoints.add(reject)
      const ended = (settle: (outcome: unknown) => void) => (outcome: unknown) => {
        this.#savepoints.delete(reject)
        settle(outcome)
      }
      Promise.resolve(savepoint(...this.work(args))).then(ended(resolve), ended(reject))
    })
  }

  #watched<Made>(made: Made): Made {
    if (isQuery(made)) {
      const { handler } = made
      made.handler = Object.assign((query: Query) => this.#run(query, () => handler(query)), { debug: handler.debug })
    }
    return made
  }

  #run(query: Query, run: () => unknown): unknown {
    if (this.#over !== undefined) return query.reject(this.#over)
    // Cancelled before it was sent: postgres.js would wait for its answer, for ever.
    if (query.cancelled === true) return undefined
    if (query.forEachFn !== undefined) query.forEachFn = ofOwner(query.forEachFn)
    const cursor = this.#cursorOf(query)
    this.#running.set(query, (error) => query.reject(error))
    around(query, 'resolve', (value, resolve) => {
      this.#running.delete(query)
      if (value instanceof Stream) this.#copying(query, value)
      resolve(value)
    })
    around(query, 'reject', (error, reject) => {
      this.#running.delete(query)
      if (tellsOfLoss(error)) this.lose(error as Error)
      this.#failed(error)
      reject(error)
      cursor?.failed(error)
    })
    return run()
  }

  #cursorOf(query: Query): Cursor | undefined {
    if (query.cursorRows === undefined) return undefined
    let give = query.cursorFn
    const cursor = new Cursor(
      query,
      (rows) => give?.(rows),
      () => this.#over === undefined,
    )
    // Its iterator sets it at each step, postgres.js calls it.
    Object.defineProperty(query, 'cursorFn', {
      get: () => (rows: unknown) => cursor.step(rows),
      set: (next: Query['cursorFn']) => {
        give = next
      },
    })
    return cursor
  }

  #copying(query: Query, stream: Stream): void {
    this.#running.set(query, (error) => (stream as Stream & { destroy(error: Error): void }).destroy(error))
    stream.once('close', () => this.#running.delete(query))
  }
}

type Settle = (outcome: unknown) => void

/** Has the query settle by way of `act`. */
function around(query: Query, way: 'resolve' | 'reject', act: (outcome: unknown, settle: Settle) => void): void {
  let settle = query[way]
  const acted: Settle = (outcome) => act(outcome, settle)
  if (query.cursorRows === undefined) {
    query[way] = acted
    return
  }
  // A cursor's iterator replaces it at every step.
  Object.defineProperty(query, way, {
    get: () => acted,
    set: (next: Settle) => {
      settle = next
    },
  })
}

function isQuery(made: unknown): made is Query {
  return made instanceof Promise && 'handler' in made
}
