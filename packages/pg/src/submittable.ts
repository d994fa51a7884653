import type { Settle } from './pooled-query.ts'

/** A query that submits itself: a cursor, a stream, a `Query`. */
export interface Submittable {
  submit(connection: unknown): unknown
  /** pg calls these two at its end; its types do not tell. */
  handleReadyForQuery?: Handler
  handleError?: Handler
  readonly callback?: unknown
}

type Handler = (this: Submittable, first: unknown, connection?: unknown) => unknown

export function isSubmittable(value: unknown): value is Submittable {
  return typeof value === 'object' && value !== null && 'submit' in value && typeof value.submit === 'function'
}

/** Calls `ended` once, when the server is done with this query or it has failed. */
export function atEndOf(query: Submittable, ended: (error?: Error) => void): void {
  let over = false
  const end = (error?: Error): void => {
    if (!over) ended(error)
    over = true
  }
  const { handleReadyForQuery, handleError } = query
  query.handleReadyForQuery = function (connection) {
    end()
    return handleReadyForQuery?.call(this, connection)
  }
  query.handleError = function (error, connection) {
    end(error as Error)
    return handleError?.call(this, error, connection)
  }
}

/**
 * Lets a cursor hear that its connection is lost after its last row, before the server has confirmed its end: it counts
 * itself as done by then, would not pass the error on, and whoever reads would wait for ever.
 */
export function hearLoss(query: Submittable): void {
  const { handleError } = query
  const cursor = Reflect.get(query, 'cursor') ?? query
  query.handleError = function (error, connection) {
    if (Reflect.get(cursor, 'state') === 'done') Reflect.set(cursor, 'state', 'busy')
    return handleError?.call(this, error, connection)
  }
}

/** Tells a query that it will not be sent, as pg does: later, and through the query itself. */
export function refuse(query: Submittable, error: Error | undefined, settle: Settle | undefined): void {
  process.nextTick(() => {
    query.handleError?.(error)
    settle?.(error)
  })
}
