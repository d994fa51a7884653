/** What went wrong, for code that wants to tell the cases apart. */
export type TestingErrorCode =
  | 'UNSUPPORTED_PLATFORM'
  | 'START_FAILED'
  | 'ADDRESS_UNAVAILABLE'
  | 'PORT_TAKEN'
  | 'FROZEN'
  | 'STOPPED'
  | 'NAME_TAKEN'
  | 'NAME_RESTORED'
  | 'NAME_ELSEWHERE'
  | 'REPLICATION_FAILED'
  | 'GATE_CLOSED'

/**
 * The error of this package: `code` says which of the known things went wrong, `cause` is what lies below it.
 * Wrong arguments are a `TypeError` or `RangeError` instead, and a failed query keeps the server's own error.
 */
export class TestingError extends Error {
  override readonly name = 'TestingError'
  readonly code: TestingErrorCode

  constructor(code: TestingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
