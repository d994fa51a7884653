import type { IncomingHttpHeaders } from 'node:http'

/** The header that the page sends with every action. No form can, and no other origin may without asking first. */
export const ACTION_HEADER = 'x-demo-action'

/** Why a request is not served. */
export interface Refusal {
  readonly status: 403 | 421
  readonly reason: string
}

/**
 * Says whether a request may be served: undefined, or why not. The server listens on loopback only; this keeps out
 * pages of other origins in a browser on this machine.
 *
 * - `Host` must be the page's own address: a foreign name that was rebound to 127.0.0.1 is refused, for reading too.
 * - `Origin`, and what the browser says of where a request comes from, must be the page's own, for all but opening it.
 * - An action must carry both its origin and the page's own header.
 */
export function refusal(
  wanted: 'file' | 'events' | 'action',
  port: number,
  headers: IncomingHttpHeaders,
): Refusal | undefined {
  const { host = '', origin, 'sec-fetch-site': site } = headers
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
    return { status: 421, reason: `This is the page of 127.0.0.1:${port} only` }
  }
  if (wanted === 'file') return undefined
  const foreign =
    (origin !== undefined && origin !== `http://${host}`) || (site !== undefined && site !== 'same-origin')
  // Typed into the address bar, the events are as harmless as the page.
  if (foreign && !(wanted === 'events' && site === 'none')) {
    return { status: 403, reason: 'Only the page itself may ask this' }
  }
  if (wanted === 'action' && (origin === undefined || headers[ACTION_HEADER] === undefined)) {
    return { status: 403, reason: `An action needs its Origin and the header ${ACTION_HEADER}` }
  }
  return undefined
}
