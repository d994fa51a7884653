import { Stream } from 'node:stream'
import { type Callable, noop, type Query } from './client.ts'
import { Cursor } from './cursor.ts'
import { suspect } from './suspect.ts'

/** The `notify` of the facade. */
export type Notify = (channel: string, payload: unknown) => Promise<unknown>

type Args = readonly unknown[]

/** What postgres.js hands out for one connection: a transaction's `sql`, a savepoint's, a reserved one. */
export interface ScopedSql extends Callable {
  notify: Notify
  file(...args: Args): Query
  savepoint?: (...args: Args) => unknown
}

/** What is returned to a driver that must not go on. */
const never = new Promise<never>(() => {})

/** Whether an error says that its connection is gone, or is about to be. */
export function tellsOfLoss(error: unknown): boolean {
  const fatal = typeof error === 'object' && error !== null && 'severity' in error && error.severity === 'FATAL'
  const said = suspect(error)
  return fatal || said === 'lost' || said === 'shutdown'
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
  #cut: Error | undefined
  #lost = false
  /** Rejects once the connection is lost. */
  readonly #loss: Promise<never>
  #lose: (error: Error) => void = noop

  /** @param failed is called with whatever fails, also if the owner catches that. */
  constructor(notify: Notify, failed: (error: unknown) => void) {
    this.#notify = notify
    this.#failed = failed
    this.#loss = new Promise((_, reject) => {
      this.#lose = reject
    })
    this.#loss.catch(noop)
  }

  /** Fails what runs and whatever is asked later: nothing more is sent. */
  cut(error: Error): void {
    this.#cut = error
    for (const end of this.#running.values()) end(error)
    this.#running.clear()
  }

  /** The connection is lost: so is whatever is asked later. */
  lose(error: Error): void {
    this.#lost = true
    this.#cut ??= error
    this.#lose(error)
  }

  /** The same `sql`, with its statements watched and with our `notify`; in savepoints too. */
  of<Sql extends ScopedSql>(native: Sql): Sql {
    const sql = (first: unknown, ...rest: Args): unknown => this.#watched(native(first, ...rest))
    const { savepoint } = native
    return Object.assign(sql, native, {
      notify: this.#notify,
      unsafe: (text: string, ...rest: Args) => this.#watched(native.unsafe(text, ...rest)),
      file: (...args: Args) => this.#watched(native.file(...args)),
      ...(savepoint && { savepoint: (...args: Args) => Promise.race([savepoint(...this.work(args)), this.#loss]) }),
    })
  }

  /** The arguments of `begin` or `savepoint`, whose last one is what gets the scope. */
  work(args: Args): Args {
    const work = args.at(-1)
    if (typeof work !== 'function') return args
    const scoped = async (native: ScopedSql): Promise<unknown> => {
      let result: unknown
      try {
        const done: unknown = work(this.of(native))
        result = await (Array.isArray(done) ? Promise.all(done) : done)
      } catch (error) {
        // postgres.js rejects the transaction when it hears of the connection's end.
        if (this.#lost) return never
        throw error
      }
      if (this.#lost) return never
      // It may have caught the error of a statement that was never sent: what is left must not be committed.
      if (this.#cut !== undefined) throw this.#cut
      return result
    }
    return [...args.slice(0, -1), scoped]
  }

  #watched<Made>(made: Made): Made {
    if (isQuery(made)) {
      const { handler } = made
      made.handler = Object.assign((query: Query) => this.#run(query, () => handler(query)), { debug: handler.debug })
    }
    return made
  }

  #run(query: Query, run: () => unknown): unknown {
    if (this.#cut !== undefined) return query.reject(this.#cut)
    const { resolve, reject } = query
    this.#running.set(query, this.#failing(query))
    query.resolve = (value) => {
      this.#running.delete(query)
      if (value instanceof Stream) this.#copying(query, value)
      resolve(value)
    }
    query.reject = (error) => {
      this.#running.delete(query)
      if (tellsOfLoss(error)) this.lose(error as Error)
      this.#failed(error)
      reject(error)
    }
    return run()
  }

  /** How to fail a query that runs. */
  #failing(query: Query): (error: Error) => void {
    if (query.cursorRows === undefined) return (error) => query.reject(error)
    let give = query.cursorFn
    const cursor = new Cursor(
      query,
      (rows) => give?.(rows),
      () => this.#cut === undefined,
    )
    // Its iterator sets it at each step, postgres.js calls it.
    Object.defineProperty(query, 'cursorFn', {
      get: () => (rows: unknown) => cursor.step(rows),
      set: (next: Query['cursorFn']) => {
        give = next
      },
    })
    return (error) => cursor.fail(error)
  }

  #copying(query: Query, stream: Stream): void {
    this.#running.set(query, (error) => (stream as Stream & { destroy(error: Error): void }).destroy(error))
    stream.once('close', () => this.#running.delete(query))
  }
}

function isQuery(made: unknown): made is Query {
  return made instanceof Promise && 'handler' in made
}
