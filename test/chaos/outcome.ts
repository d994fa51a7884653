import { PeriodicFlushError } from '@periodic-flush/core'
import type { Outcome } from './history.ts'

/** Codes of servers, of Node and of drivers that say: this was not carried out. */
const refusals = new Set([
  // No connection was made, so nothing was sent.
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  '28000',
  '28P01',
  '53300',
  '57P03',
  'ER_ACCESS_DENIED_ERROR',
  '1045',
  'ER_CON_COUNT_ERROR',
  '1040',
  'ER_SECURE_TRANSPORT_REQUIRED',
  '3159',
  // The server has refused the statement.
  '25006',
  '53100',
  'ER_OPTION_PREVENTS_STATEMENT',
  '1290',
  'ER_RECORD_FILE_FULL',
  '1114',
])

/** Beside one of these nothing else counts: the connection was lost while it was in use. */
const losses = new Set([
  'CUT',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'CONNECTION_CLOSED',
  'PROTOCOL_CONNECTION_LOST',
  '57P01',
  '57P02',
])

/** What an error says of the statement that failed with it. In doubt the outcome is unknown: that excuses nothing that is lost, and accuses nobody. */
export function outcomeOf(error: unknown): Outcome {
  const codes = [...codesIn(error, 0)]
  if (codes.some((code) => losses.has(code))) return 'unknown'
  return codes.some((code) => refusals.has(code)) || isOurs(error) ? 'refused' : 'unknown'
}

/** The error in one line, with those below it. */
export function told(error: unknown): string {
  const codes = [...codesIn(error, 0)].join(' ')
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return `${message.replace(/\s+/g, ' ').slice(0, 200)}${codes === '' ? '' : ` [${codes}]`}`
}

/** Ours, unless it is a cut, comes before anything was sent. */
function isOurs(error: unknown): boolean {
  if (error instanceof PeriodicFlushError) return true
  return error instanceof Error && error.cause !== undefined && isOurs(error.cause)
}

/** ORMs wrap what their drivers report, each in its way. */
function* codesIn(error: unknown, depth: number): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 6) return
  for (const key of ['code', 'originalCode', 'errno']) {
    const value: unknown = Reflect.get(error, key)
    if (typeof value === 'string' || typeof value === 'number') yield String(value)
  }
  for (const key of ['cause', 'meta', 'driverAdapterError', 'errors']) {
    const value: unknown = Reflect.get(error, key)
    for (const each of Array.isArray(value) ? value : [value]) yield* codesIn(each, depth + 1)
  }
}
