import { inspect } from 'node:util'
import fc from 'fast-check'

/** What no error may quote. */
export const SECRET = 's3cr3t-s3cr3t'
export const url = `postgres://me:${SECRET}@127.0.0.1:1/app`

const refuse = (): never => {
  throw new Error(url)
}

/** Every way to look at it throws. */
const trap = new Proxy({}, { get: () => refuse })

const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

class Settings {
  get intervalMs(): never {
    return refuse()
  }
}

/** Stands for what fast-check itself could not look at; see {@link realised}. */
class Hostile {
  readonly make: () => unknown

  constructor(make: () => unknown) {
    this.make = make
  }
}

const hostileOf = (...makes: readonly (() => unknown)[]): fc.Arbitrary<unknown> =>
  fc.constantFrom(...makes.map((make) => new Hostile(make)))

/** What fights back when it is looked at, and what looks like an object with options and is none. */
export const hostile: fc.Arbitrary<unknown> = hostileOf(
  () => revoked({}),
  () => revoked([]),
  () => new Proxy({}, trap),
  () => Object.create({ intervalMs: url }),
  () => new Settings(),
  () => new Map([[url, url]]),
  () => new Set([url]),
  () => new Date(Number.NaN),
  () => /x/,
  () => new Error(url),
  () => Promise.resolve({ url }),
  () => ({ [Symbol.toPrimitive]: refuse, toString: refuse, toJSON: refuse, [inspect.custom]: refuse }),
)

/** The same, as functions. */
export const hostileFunctions: fc.Arbitrary<unknown> = hostileOf(
  () => revoked(() => {}),
  () => new Proxy(() => {}, trap),
)

/** The value that was meant, with what is hostile in its members and elements in place. */
export function realised(value: unknown): unknown {
  if (value instanceof Hostile) return value.make()
  if (Array.isArray(value)) return value.map(realised)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(value))
  return Object.defineProperties(
    {},
    Object.fromEntries(
      descriptors.map(([name, each]) => [name, 'value' in each ? { ...each, value: realised(each.value) } : each]),
    ),
  )
}

/** Anything that is neither absent nor a function nor hostile. */
export const mild: fc.Arbitrary<unknown> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.constantFrom(Number.NaN, -1, -0, Number.POSITIVE_INFINITY, 2 ** 31),
  fc.bigInt(),
  fc.constant(10n ** 1_000n),
  fc.string(),
  fc.constantFrom(url, `://:${SECRET}@`, url.repeat(1_000), `two\nlines`),
  fc.constant(Symbol(url)),
  fc.constant([]),
  fc.constant(Array.from({ length: 1_000 }, () => url)),
)

/** Anything but what is absent or a function. */
export const odd: fc.Arbitrary<unknown> = fc.oneof(mild, hostile)

/** Also what is absent, or a function that returns nothing of use. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  odd,
  fc.constant(undefined),
  fc.constant({ url }),
  fc.constant(() => url),
)

const no = (type: string): fc.Arbitrary<unknown> => odd.filter((value) => typeof value !== type)

export const noFunction: fc.Arbitrary<unknown> = no('function')
export const noBoolean: fc.Arbitrary<unknown> = fc.oneof(no('boolean'), fc.constantFrom('true', 'false', 0, 1))
export const noString: fc.Arbitrary<unknown> = fc.oneof(no('string'), fc.constant(''))
export const noWord: fc.Arbitrary<unknown> = fc.oneof(odd, fc.constantFrom('', 'CUT', 'toString', '__proto__'))
export const noArray: fc.Arbitrary<unknown> = odd.filter((value) => !Array.isArray(value))

/** No time from `from` milliseconds to the longest that Node can wait. */
export const noTime = (from: 0 | 1): fc.Arbitrary<unknown> =>
  fc.oneof(
    no('number'),
    fc.constantFrom(
      '500',
      Number.NaN,
      -1,
      from - 0.001,
      2 ** 31,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e300,
    ),
  )

/** No whole number from 1. */
export const noCount: fc.Arbitrary<unknown> = fc.oneof(
  no('number'),
  fc.constantFrom('1', 0, 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53),
)

/** No time, and not `false` either. */
export const noTimeNorFalse = (from: 0 | 1): fc.Arbitrary<unknown> => noTime(from).filter((value) => value !== false)

/** What is no object with options, has an option that nobody knows, or one of these with such a value. */
export function oddOptions(wrong: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const names = Object.keys(wrong)
  return fc.oneof(
    odd,
    hostileFunctions,
    fc
      .constantFrom('intervalms', 'url', '__proto__x', 'constructor', url, 'x'.repeat(10_000))
      .map((key) => ({ [key]: url })),
    fc.constantFrom(...names).map((name) => Object.defineProperty({}, name, { get: refuse, enumerable: true })),
    ...names.map((name) => (wrong[name] ?? odd).map((value) => ({ [name]: value }))),
  )
}

/** What is no object, or one that would do but for one member. */
export function oddBeside(
  needed: object,
  wrong: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<unknown> {
  return fc.oneof(
    odd,
    ...Object.entries(wrong).map(([name, values]) => values.map((value) => ({ ...needed, [name]: value }))),
  )
}

/** The options of a client. */
export const flusherOptions: fc.Arbitrary<unknown> = oddOptions({
  intervalMs: noTimeNorFalse(1),
  jitter: fc.oneof(no('number'), fc.constantFrom(-0.1, 1.1, Number.NaN)),
  deadlineMs: noTime(0),
  onDeadline: noWord,
  check: odd.filter((value) => typeof value !== 'boolean' && typeof value !== 'function'),
  require: noWord,
  checkTimeoutMs: noTime(1),
  overlap: noCount,
  maxAgeMs: noTimeNorFalse(1),
  minGapMs: noTime(0),
  triggers: fc.oneof(
    noArray,
    odd.map((value) => [value]),
    fc.constantFrom([{ name: 'x' }], [{ start: () => {} }], [{ name: 1, start: () => {} }]),
  ),
  name: noString,
})

export const flushOptions: fc.Arbitrary<unknown> = oddOptions({
  reason: noString,
  deadlineMs: noTime(0),
  onDeadline: noWord,
  wait: noWord,
  lazy: noBoolean,
})

export const holdOptions: fc.Arbitrary<unknown> = oddOptions({ timeoutMs: noTime(0), reason: noString })
export const closeOptions: fc.Arbitrary<unknown> = oddOptions({ deadlineMs: noTime(0) })

/** A string that may stand in a log: short, one line, and without the secret. */
export function harmless(text: string): void {
  if (text.length > 500 || text.includes('\n') || text.includes(SECRET)) throw new Error('It quotes too much')
}
