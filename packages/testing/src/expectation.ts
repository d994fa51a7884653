import { isIP } from 'node:net'
import { inspect } from 'node:util'

/** What an argument must be: its `typeof`, words for the message, and what `typeof` alone cannot say. */
export interface Expectation {
  readonly type: 'string' | 'number' | 'boolean' | 'object'
  readonly expected: string
  readonly holds: (value: never) => boolean
  /** True where the message must not show what was given. */
  readonly secret?: boolean
}

export const ipAddress: Expectation = {
  type: 'string',
  expected: "an IP address such as '127.0.0.1'",
  holds: (value: string) => isIP(value) !== 0,
}

export const portNumber: Expectation = {
  type: 'number',
  expected: 'an integer from 1 to 65535',
  holds: (value: number) => Number.isInteger(value) && value >= 1 && value <= 65535,
}

export const label: Expectation = {
  type: 'string',
  expected: 'a non-empty string',
  holds: (value: string) => value.trim() !== '',
}

export const identifier: Expectation = {
  type: 'string',
  expected: 'a name of 1 to 63 bytes without NUL',
  holds: (value: string) => value !== '' && Buffer.byteLength(value) <= 63 && !value.includes('\0'),
}

export const flag: Expectation = { type: 'boolean', expected: 'true or false', holds: () => true }

/** A value as an error message quotes it: a connection string in it loses its password. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 1 }).replace(/:\/\/[^\s/]*@/g, '://***@')
}

/** Throws the one error that names the argument, what was expected and what was given. */
export function expectValue(name: string, value: unknown, expectation: Expectation): void {
  const wrongType = typeof value !== expectation.type || value === null
  if (!wrongType && expectation.holds(value as never)) return
  const message = `Expected \`${name}\` to be ${expectation.expected}, got ${expectation.secret ? 'something else' : shown(value)}`
  throw wrongType ? new TypeError(message) : new RangeError(message)
}

/** Checks an options object against all that it may hold; an option that is `undefined` counts as not given. */
export function expectOptions(options: unknown, known: Readonly<Record<string, Expectation>>, name = 'options'): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`Expected \`${name}\` to be an object, got ${shown(options)}`)
  }
  for (const [key, value] of Object.entries(options)) {
    const expectation = Object.hasOwn(known, key) ? known[key] : undefined
    if (expectation === undefined) {
      throw new TypeError(`Unknown option \`${key}\` in \`${name}\`: expected ${Object.keys(known).join(', ')}`)
    }
    if (value !== undefined) expectValue(key, value, expectation)
  }
}
