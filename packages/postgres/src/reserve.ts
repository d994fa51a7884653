import type { Client, Query, Reserved } from './client.ts'
import { openedOf } from './opened.ts'

/**
 * Reserves a connection, but never has the reservation open it. Such a one postgres.js forgets where it has no types to
 * fetch: it would wait for ever. And under TLS a cut in that moment would reject the query for types, which nobody catches.
 *
 * @param noted is called with a query that opens the connection, if that takes one.
 */
export async function reserve(client: Client, noted: (first: Query) => void): Promise<Reserved> {
  const { fetch_types, ssl, max } = client.options
  if ((!fetch_types || ssl) && openedOf(client).sockets.size < max) {
    const first = client.unsafe('select 1')
    noted(first)
    await first
  }
  return client.reserve()
}
