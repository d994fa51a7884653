import { milliseconds, type Rule, verified } from '@periodic-flush/core'

/**
 * Each client waits a random part of this long, in milliseconds, so that the server is not stampeded. A sixth of the
 * default interval: the whole fleet has moved within seconds, at about six times the connects per second that timed
 * flushes make anyway.
 */
export const SPREAD_MS = 5_000

/**
 * The options of a trigger, with defaults.
 *
 * @throws TypeError for an unknown option or a value of the wrong type, RangeError for one out of range; the message
 * names the option, what was expected and what was given. `undefined` counts as absent.
 */
export function verifiedOptions<Name extends string>(
  given: Readonly<Partial<Record<Name, string | undefined>>> & { readonly spreadMs?: number | undefined },
  word: Name,
  channel: string,
  rule: Rule,
): { readonly channel: string; readonly spreadMs: number } {
  const options = verified(given, { [word]: rule, spreadMs: milliseconds(0) }, 'options')
  return { channel: options[word] ?? channel, spreadMs: options.spreadMs ?? SPREAD_MS }
}
