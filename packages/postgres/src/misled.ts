import type { Client, Query } from './client.ts'

/** The server was stopped (57P01) or has crashed (57P02): the last that it says on a connection. */
const FAREWELLS = new Set(['57P01', '57P02'])

/**
 * Whether a query failed with the server's farewell to another one, without having been sent.
 *
 * postgres.js keeps an error until the server is ready again. After a farewell it never is: the query that ran fails with
 * CONNECTION_CLOSED, and the one that opens that connection anew gets the error. It may begin again; each connection misleads
 * once, so more often than there are connections it is the server that says so.
 */
export class Misled {
  #times = 0

  by(error: unknown, sent: Query | undefined, { options }: Client): boolean {
    if (sent?.state !== null || !(error instanceof Error && 'code' in error)) return false
    return typeof error.code === 'string' && FAREWELLS.has(error.code) && this.#times++ < options.max
  }
}
