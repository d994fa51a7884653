import { obeys, shown } from './rule.ts'

/** What a factory makes and how, as an error message says it. */
export interface Making {
  /** What it returns at each call: 'a new pg.Pool'. */
  readonly makes: string
  /** How that is made: 'new Pool(config)'. */
  readonly as: string
  /** Whether a value is such a client itself, or another one of the same package. */
  isClient(value: unknown): boolean
}

/**
 * For adapters: sees to it that what should be a factory is a function, and no client itself, which is the likely slip.
 *
 * @throws TypeError, which names the argument, says what it takes and what was given, and shows the right call.
 */
export function verifyFactory(given: unknown, { makes, as, isClient }: Making): void {
  const client = obeys(given, { expected: makes, kind: isClient })
  if (typeof given === 'function' && !client) return
  const what = client ? 'a client' : shown(given)
  const expected = `Expected \`factory\`, the first argument, to be a function that returns ${makes}, got ${what}`
  throw new TypeError(`${expected}; write withPeriodicFlush(() => ${as})`)
}
