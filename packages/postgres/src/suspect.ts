import { isThrownByOwner } from './thrown.ts'

const LOST = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

/** What an error says about the server. */
export function suspect(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') {
    return undefined
  }
  if (isThrownByOwner(error)) return undefined
  const { code } = error
  if (code === '25006') return 'read-only'
  if (code === '57P01' || code === '57P02' || code === '57P03') return 'shutdown'
  // CONNECTION_ENDED is what the owner's own end() leads to.
  if (code === 'CONNECTION_CLOSED' || code === 'CONNECT_TIMEOUT' || LOST.has(code) || /^08...$/.test(code)) {
    return 'lost'
  }
  return undefined
}
