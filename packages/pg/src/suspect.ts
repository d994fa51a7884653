const LOST = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

/** What an error of node-postgres, or one with the fields of PostgreSQL's own, says about the server. */
export function suspect(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  // What pg says of a lost connection has no code.
  if (error instanceof Error && /^Connection terminated/.test(error.message)) return 'lost'
  return 'code' in error ? suspectCode(error.code) : undefined
}

/** What an SQLSTATE, or the code of a socket's error, says about the server. */
export function suspectCode(code: unknown): string | undefined {
  if (typeof code !== 'string') return undefined
  if (code === '25006') return 'read-only'
  if (/^57P0[123]$/.test(code)) return 'shutdown'
  return LOST.has(code) || /^08...$/.test(code) ? 'lost' : undefined
}
