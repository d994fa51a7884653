import { Stream } from 'node:stream'
import type { Settle } from './pooled-query.ts'

/** A query that submits itself: a cursor, a stream, a `Query`. */
export interface Submittable {
  submit(connection: unknown): unknown
  /** pg calls these two at its end; its types do not tell. */
  handleReadyForQuery?: Handler
  handleError?: Handler
  /** A cursor's own; a stream is destroyed. */
  close?: (done?: () => void) => unknown
  callback?: unknown
}

type Handler = (this: Submittable, first: unknown, connection?: unknown) => unknown

export function isSubmittable(value: unknown): value is Submittable {
  return typeof value === 'object' && value !== null && 'submit' in value && typeof value.submit === 'function'
}

/**
 * Hears whether a query is closed before it has begun: pg-cursor forgets that, would be sent all the same, and hold its
 * connection for ever. What is returned tells, and hears no more.
 */
export function hearClose(query: Submittable): () => boolean {
  if (query instanceof Stream) return () => Reflect.get(query, 'destroyed') === true
  const { close } = query
  if (close === undefined) return () => false
  let closed = false
  query.close = (done) => {
    closed = true
    endUnsent(query)
    return close.call(query, done)
  }
  return () => {
    query.close = close
    return closed
  }
}

/** As after its last row: whoever reads from it gets none, those who have asked already too. */
function endUnsent(cursor: Submittable): void {
  Reflect.set(cursor, 'state', 'done')
  const asked: [number, (error: null, rows: []) => void][] = Reflect.get(cursor, '_queue') ?? []
  for (const [, answer] of asked.splice(0)) setImmediate(answer, null, [])
}

/** Calls `ended` once, when the server is done with this query or it has failed, if only to be sent. */
export function atEndOf(query: Submittable, ended: (error?: Error) => void): void {
  let over = false
  const end = (error?: Error): void => {
    if (!over) ended(error)
    over = true
  }
  const { submit, handleReadyForQuery, handleError } = query
  query.submit = (connection) => {
    try {
      return submit.call(query, connection)
    } catch (error) {
      // What is thrown here meets nobody where the connection is a fresh one; what is returned is told to the query.
      return error
    }
  }
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

/** Tells a query that it will not be sent, as pg does: later, and through the query itself. `settle` is called once. */
export function refuse(query: Submittable, error: Error | undefined, settle: Settle | undefined): void {
  // A plain `Query` throws its error where it has no callback; a cursor has one, but never calls it.
  if (settle !== undefined) query.callback ??= settle
  process.nextTick(() => {
    query.handleError?.(error)
    settle?.(error)
  })
}

/** The same callback, for those who may each have to call it. */
export function once(settle: Settle): Settle {
  let called = false
  return (error, result) => {
    if (!called) settle(error, result)
    called = true
  }
}
