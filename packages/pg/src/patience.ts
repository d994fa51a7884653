/**
 * How long a caller of a pool waits for a connection, in milliseconds; undefined: for ever. As natively, it is whatever a
 * timer of Node makes of what was given, which takes '500' for 500 and what it cannot wait for 1.
 */
export function patienceOf(options: { readonly connectionTimeoutMillis?: unknown }): number | undefined {
  const given = options.connectionTimeoutMillis
  if (!given) return undefined
  const ms = Number(given)
  return ms >= 1 && ms <= LONGEST_TIMER ? ms : 1
}

const LONGEST_TIMER = 2 ** 31 - 1
