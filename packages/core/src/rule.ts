import { hideCredentials } from './credentials.ts'

/** Says what an option or an argument takes and whether a value is that. */
export interface Rule {
  readonly expected: string
  readonly kind: (value: unknown) => boolean
  readonly range?: (value: never) => boolean
  /** What was given instead, where that tells more than `shown` does, or how to put it right. */
  readonly given?: (value: unknown) => string
}

/** Node's timers fire at once for anything longer. */
const LONGEST_TIMER = 2 ** 31 - 1

export const wholeNumber = (from: number): Rule => ({
  expected: `a whole number from ${from}`,
  kind: (value) => typeof value === 'number',
  range: (value: number) => Number.isSafeInteger(value) && value >= from,
})

export const between = (from: number, to: number): Rule => ({
  expected: `a number from ${from} to ${to}`,
  kind: (value) => typeof value === 'number',
  range: (value: number) => value >= from && value <= to,
})

/**
 * A time that a timer of Node can wait.
 *
 * @throws TypeError or RangeError if `from` is none.
 */
export function milliseconds(from: number): Rule {
  verifyValue('from', from, between(0, LONGEST_TIMER))
  return between(from, LONGEST_TIMER)
}

/** A string that says something. */
export const nonEmptyString: Rule = {
  expected: 'a non-empty string, and none with credentials',
  kind: (value) => typeof value === 'string',
  range: (value: string) => value !== '' && hideCredentials(value) === value,
}

export const aBoolean: Rule = { expected: 'a boolean', kind: (value) => typeof value === 'boolean' }

export const aFunction: Rule = { expected: 'a function', kind: (value) => typeof value === 'function' }

/** An object, or a function, that has these methods. */
export const withMethods = (expected: string, ...names: readonly string[]): Rule => ({
  expected,
  kind: (value) =>
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    names.every((name) => typeof Reflect.get(value, name) === 'function'),
})

export const orFalse = (rule: Rule): Rule => ({
  expected: `${rule.expected}, or false`,
  kind: (value) => value === false || rule.kind(value),
  range: (value) => value === false || rule.range?.(value) !== false,
})

export const oneOf = (...words: readonly string[]): Rule => ({
  expected: words.map((word) => `'${word}'`).join(' or '),
  kind: (value) => typeof value === 'string',
  range: (value: string) => words.includes(value),
})

/**
 * For adapters and triggers: a copy of `given` without the absent ones, in which every value obeys its rule.
 *
 * @param what names them in an error.
 * @throws TypeError for an unknown option or a value of the wrong type, RangeError for one out of range.
 */
export function verified<T extends object>(
  given: T,
  rules: Readonly<Record<string, Rule>>,
  what: string,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const keys = keysOf(given)
  if (keys === undefined) throw new TypeError(`Expected ${what} to be an object, got ${shown(given)}`)
  const result: Record<string, unknown> = {}
  for (const key of keys) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined
    if (rule === undefined) {
      throw new TypeError(`Unknown option ${named(key)}; expected one of ${Object.keys(rules).join(', ')}`)
    }
    const value = read(given, key, rule)
    if (value === undefined) continue
    verifyValue(key, value, rule)
    result[key] = value
  }
  return result as { [K in keyof T]: Exclude<T[K], undefined> }
}

/**
 * For adapters and triggers: sees to it that an argument obeys its rule.
 *
 * @throws TypeError for a value of the wrong type, RangeError for one out of range; the message names the argument, what
 * was expected and what was given.
 */
export function verifyValue(name: string, value: unknown, rule: Rule): void {
  if (!holds(value, rule.kind)) throw new TypeError(complaint(name, rule, given(value, rule)))
  if (!holds(value as never, rule.range)) throw new RangeError(complaint(name, rule, given(value, rule)))
}

/**
 * A value as an error message quotes it: in a few words, and never the content of an object or of a string that may hold
 * a password. Never throws.
 */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return isTelling(value) ? `'${value}'` : `a string of ${value.length} characters`
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'bigint':
      return 'a bigint'
    case 'object':
      if (value === null) return 'null'
      return holds(value, Array.isArray) ? 'an array' : 'an object'
    default:
      return String(value)
  }
}

/** For adapters and triggers: whether a value is what the rule says. Never throws. */
export function obeys(value: unknown, { kind, range }: Rule): boolean {
  return holds(value, kind) && holds(value as never, range)
}

/** What cannot even be looked at (its getters throw, say) is not what was expected. */
function holds<Value>(value: Value, is: ((value: Value) => boolean) | undefined): boolean {
  try {
    return is?.(value) !== false
  } catch {
    return false
  }
}

/**
 * The options that an object has; undefined for what is none. A promise, a Map or an object that only inherits them would
 * else count as one without any, and be ignored in silence.
 */
function keysOf(given: unknown): string[] | undefined {
  try {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined
    const keys = Object.keys(given)
    const prototype: unknown = Object.getPrototypeOf(given)
    // That of a plain object of another realm is not ours, but is one that ends there too.
    const plain = prototype === null || Object.getPrototypeOf(prototype) === null
    return plain || keys.length > 0 ? keys : undefined
  } catch {
    return undefined
  }
}

/** What cannot even be looked at is told of as everything else is. */
function given(value: unknown, rule: Rule): string {
  try {
    return rule.given?.(value) ?? shown(value)
  } catch {
    return shown(value)
  }
}

/** Without the error of a getter as cause: nobody knows what that quotes. */
function read(given: object, key: string, rule: Rule): unknown {
  try {
    return Reflect.get(given, key)
  } catch {
    throw new TypeError(complaint(key, rule, 'a getter that throws'))
  }
}

function complaint(name: string, { expected }: Rule, given: string): string {
  return `Expected \`${name}\` to be ${expected}, got ${given}`
}

/** A figure with its unit, or a word as options are made of: `30`, `5s`, `kill`, `listen-gap`. */
function isTelling(text: string): boolean {
  return text === '' || (text.length <= 16 && /^(-?\d{1,10}(\.\d+)? ?[a-z]{0,4}|[a-z]+(-[a-z]+)*)$/.test(text))
}

/** The name of an option as an error message quotes it: where it cannot be one, it may be a secret. */
function named(key: string): string {
  return isName(key) ? `\`${key}\`` : `with a name of ${key.length} characters`
}

/** Whether a word may be the name of an option or of a function. */
export function isName(word: string): boolean {
  return /^[a-z_]{1,30}$/i.test(word)
}
