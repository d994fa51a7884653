/** The `notify` of the facade. */
export type Notify = (channel: string, payload: unknown) => Promise<unknown>

type Work = (scope: Scope) => unknown

/** What postgres.js hands out for one connection: a transaction's `sql`, a savepoint's, a reserved one. */
interface Scope {
  notify: Notify
  savepoint?: (...args: readonly unknown[]) => unknown
}

/**
 * Gives a scope, and each savepoint in it, our `notify`. postgres.js runs that of a transaction beside it, on any
 * connection of the same client; and a client that retires has none, so that it would wait for ever.
 */
export function withNotify(scope: Scope, notify: Notify): void {
  scope.notify = notify
  const { savepoint } = scope
  if (savepoint !== undefined) scope.savepoint = (...args) => savepoint(...workWithNotify(args, notify))
}

/** The arguments of `begin` or `savepoint`, whose last one is what gets the scope. */
export function workWithNotify(args: readonly unknown[], notify: Notify): readonly unknown[] {
  const work = args.at(-1)
  if (typeof work !== 'function') return args
  const noted: Work = (scope) => {
    withNotify(scope, notify)
    return (work as Work)(scope)
  }
  return [...args.slice(0, -1), noted]
}
