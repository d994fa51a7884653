import { suspectCode, suspect as suspectPg } from '@periodic-flush/pg/suspect'

/** Kinds of error in which an adapter does not tell the driver's own code. */
const LOST_KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout'])

/** MySQL's and MariaDB's error numbers; those from 45 000 are of the connector itself. */
const MYSQL: Readonly<Record<string, string>> = {
  1290: 'read-only',
  1792: 'read-only',
  1836: 'read-only',
  1053: 'shutdown',
  1927: 'shutdown',
  // ER_SOCKET_UNEXPECTED_CLOSE, ER_CONNECTION_TIMEOUT, ER_SOCKET_TIMEOUT
  45009: 'lost',
  45012: 'lost',
  45026: 'lost',
}

/** What an error says about the server: an adapter's, which wraps the driver's as its cause, or the driver's own. */
export function suspect(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause as unknown) : undefined
  if (typeof cause !== 'object' || cause === null || !('kind' in cause)) return suspectPg(error)
  if (typeof cause.kind === 'string' && LOST_KINDS.has(cause.kind)) return 'lost'
  if (!('originalCode' in cause) || typeof cause.originalCode !== 'string') return undefined
  return MYSQL[cause.originalCode] ?? suspectCode(cause.originalCode)
}
