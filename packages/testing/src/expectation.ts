import { isIP } from 'node:net'

/** What an argument must be: its `typeof`, words for the message, and what `typeof` alone cannot say. */
export interface Expectation {
  readonly type: 'string' | 'number' | 'boolean' | 'object'
  readonly expected: string
  readonly holds: (value: never) => boolean
  /** What kind of object it must be. */
  readonly kind?: (value: object) => boolean
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

/** What stands for the `$1`, `?` … of a statement. */
export const values: Expectation = {
  type: 'object',
  expected: 'an array',
  kind: Array.isArray,
  holds: () => true,
}

/**
 * A value as an error message quotes it: in a few words, and never the content of an object or of a string that may hold
 * a password. Never throws.
 */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return value.length > 20 || /:\/\/|@|[^ -~]/.test(value) ? `a string of ${value.length} characters` : `'${value}'`
  }
  if (typeof value === 'object' && value !== null) return holds(value, Array.isArray) ? 'an array' : 'an object'
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return `${value}`
  return `a ${typeof value}`
}

/** What cannot even be looked at (its getters throw, say) is not what was expected. */
export function holds<Value>(value: Value, is: (value: Value) => boolean): boolean {
  try {
    return is(value)
  } catch {
    return false
  }
}

function isOfKind(value: unknown, { kind }: Expectation): boolean {
  return kind === undefined || holds(value as object, kind)
}

/** Throws the one error that names the argument, what was expected and what was given. */
export function expectValue(name: string, value: unknown, expectation: Expectation): void {
  const wrongType = typeof value !== expectation.type || value === null || !isOfKind(value, expectation)
  if (!wrongType && holds(value as never, expectation.holds)) return
  const message = `Expected \`${name}\` to be ${expectation.expected}, got ${expectation.secret ? 'something else' : shown(value)}`
  throw wrongType ? new TypeError(message) : new RangeError(message)
}

/** Checks an options object against all that it may hold; an option that is `undefined` counts as not given. */
export function expectOptions(options: unknown, known: Readonly<Record<string, Expectation>>, name = 'options'): void {
  const entries = entriesOf(options)
  if (entries === undefined) throw new TypeError(`Expected \`${name}\` to be an object, got ${shown(options)}`)
  for (const [key, value] of entries) {
    const expectation = Object.hasOwn(known, key) ? known[key] : undefined
    if (expectation === undefined) {
      // It may be a connection string, where somebody has mixed keys and values up.
      const shownKey = /^[\w$.-]{1,40}$/.test(key) ? `\`${key}\`` : shown(key)
      throw new TypeError(`Unknown option ${shownKey} in \`${name}\`: expected ${Object.keys(known).join(', ')}`)
    }
    if (value !== undefined) expectValue(key, value, expectation)
  }
}

/**
 * The options that an object has; undefined for what is none. A promise, a Map or an object that only inherits them would
 * else count as one without any, and be ignored in silence.
 */
export function entriesOf(options: unknown): [string, unknown][] | undefined {
  try {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) return undefined
    const entries = Object.entries(options)
    const prototype: unknown = Object.getPrototypeOf(options)
    const plain = prototype === null || Object.getPrototypeOf(prototype) === null
    return plain || entries.length > 0 ? entries : undefined
  } catch {
    return undefined
  }
}
