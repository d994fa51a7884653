import { shown } from '@periodic-flush/core'

/** Node's timers fire at once for anything longer. */
const LONGEST_TIMER = 2 ** 31 - 1

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
): { readonly channel: string; readonly spreadMs: number } {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`Expected options to be an object, got ${shown(given)}`)
  }
  for (const key of Object.keys(given)) {
    if (key !== word && key !== 'spreadMs') {
      throw new TypeError(`Unknown option \`${key}\`; expected one of ${word}, spreadMs`)
    }
  }
  const { [word]: chosen = channel, spreadMs = SPREAD_MS } = given
  const wrongChannel = `Expected \`${word}\` to be a non-empty string, got ${shown(chosen)}`
  if (typeof chosen !== 'string') throw new TypeError(wrongChannel)
  if (chosen === '') throw new RangeError(wrongChannel)
  const wrongSpread = `Expected \`spreadMs\` to be a number from 0 to ${LONGEST_TIMER}, got ${shown(spreadMs)}`
  if (typeof spreadMs !== 'number') throw new TypeError(wrongSpread)
  if (!(spreadMs >= 0 && spreadMs <= LONGEST_TIMER)) throw new RangeError(wrongSpread)
  return { channel: chosen, spreadMs }
}

/** Whether `value` has a function of each of these names. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return names.every((name) => typeof Reflect.get(value, name) === 'function')
}
