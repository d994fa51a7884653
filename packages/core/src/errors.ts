/**
 * What went wrong, as a literal that code can branch on.
 *
 * - `CLOSED`: used after `$flusher.close()`
 * - `OPEN_FAILED`: the factory threw or rejected; the old client serves on
 * - `CHECK_FAILED`: the fresh client could not prove that it works; the old one serves on
 * - `TIMEOUT`: a step of the flush took too long; the message names the step; the old client serves on
 * - `READ_ONLY`: the fresh client reached a server that takes no writes, and `require` is `'writable'`
 * - `SAME_CLIENT`: the factory returned a client that is already in use, so a flush would change nothing
 * - `UNSUPPORTED_CLIENT`: what was given cannot be wrapped, or is wrapped already; the message says what to do
 * - `CUT`: the client's sockets were dropped while this was in flight; its outcome on the server is unknown
 */
export type ErrorCode =
  | 'CLOSED'
  | 'OPEN_FAILED'
  | 'CHECK_FAILED'
  | 'TIMEOUT'
  | 'READ_ONLY'
  | 'SAME_CLIENT'
  | 'UNSUPPORTED_CLIENT'
  | 'CUT'

/**
 * The one error class of this library.
 *
 * Only what the library itself decides is reported with it: a statement that fails keeps its driver's own error,
 * untouched, so that existing retry logic goes on working.
 */
export class PeriodicFlushError extends Error {
  override readonly name = 'PeriodicFlushError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The error for whatever was in flight on `name` when its client was cut. */
export function cutError(name: string, reason: string): PeriodicFlushError {
  return new PeriodicFlushError(
    'CUT',
    `${name}: the connection was cut while this was in flight (${reason}); its outcome is unknown, since a statement that was already sent may still take effect on the server`,
  )
}

/** The error for any use of `name` after it was closed. */
export function closedError(name: string): PeriodicFlushError {
  return new PeriodicFlushError('CLOSED', `${name}: used after $flusher.close()`)
}
