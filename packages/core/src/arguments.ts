import type { Driver } from './driver.ts'
import type { Surroundings } from './flusher.ts'
import type { Holder, LeaseKind } from './generation.ts'
import {
  aBoolean,
  aFunction,
  milliseconds,
  nonEmptyString,
  type Rule,
  shown,
  verified,
  verifyValue,
  withMethods,
} from './rule.ts'
import type { TriggerRequest } from './trigger.ts'
import type { AcquireOptions, Caller } from './waiters.ts'

const kinds: Readonly<Record<LeaseKind, true>> = {
  query: true,
  transaction: true,
  reserved: true,
  cursor: true,
  stream: true,
  listener: true,
}

const kind: Rule = {
  expected: `one of ${Object.keys(kinds).join(', ')}`,
  kind: (value) => typeof value === 'string',
  range: (value: string) => Object.hasOwn(kinds, value),
}

const isHolder = ({ kind: given, cut }: Partial<Holder>): boolean =>
  given !== undefined && kinds[given] === true && typeof cut === 'function'

const caller = withMethods('a caller, { start, fail }', 'start', 'fail')

const isCaller = ({ start, fail }: Partial<Caller<never>>): boolean =>
  typeof start === 'function' && typeof fail === 'function'

const acquireRules: Readonly<Record<keyof AcquireOptions, Rule>> = {
  signal: withMethods('an AbortSignal', 'throwIfAborted', 'addEventListener'),
  timeoutMs: milliseconds(0),
}

const driverMethods = ['open', 'check', 'close', 'cut'] as const
const driverRule = withMethods(`an object with ${driverMethods.join(', ')}`, ...driverMethods)

const surroundingsRules: Readonly<Record<keyof Surroundings, Rule>> = {
  clock: withMethods('a clock, { now, after }', 'now', 'after'),
  random: aFunction,
}

const requestRules: Readonly<Record<keyof TriggerRequest, Rule>> = {
  reason: nonEmptyString,
  abandoned: aBoolean,
  gone: {
    expected: 'an array of addresses',
    kind: (value) => Array.isArray(value) && value.every((address) => typeof address === 'string'),
  },
}

/** @throws TypeError for what is no driver. */
export function verifyDriver<Client>(driver: Driver<Client>): void {
  verifyValue('driver', driver, driverRule)
  verifyValue('driver.name', Reflect.get(driver, 'name'), nonEmptyString)
}

/** @throws TypeError for what is no surroundings, or one of them of the wrong type. */
export function verifySurroundings(surroundings: Surroundings): Surroundings {
  return verified(surroundings, surroundingsRules, 'surroundings')
}

/**
 * On the way of every query: nothing is allocated for a holder that is one.
 *
 * @throws TypeError for what is no holder.
 */
export function verifyHolder(holder: Holder): void {
  try {
    if (isHolder(holder)) return
  } catch {
    // Not even its members can be read.
  }
  throw new TypeError(
    `Expected \`holder\` to be { kind, cut } with a kind that is ${kind.expected}, got ${shown(holder)}`,
  )
}

/**
 * On the way of every query that waits, as `verifyHolder` is.
 *
 * @throws TypeError for what is no caller.
 */
export function verifyCaller(given: Caller<never>): void {
  try {
    if (isCaller(given)) return
  } catch {
    // Not even its members can be read.
  }
  verifyValue('caller', given, caller)
}

/** @throws TypeError for an unknown option or a value of the wrong type, RangeError for one out of range. */
export function verifyAcquireOptions(options: AcquireOptions): AcquireOptions {
  return verified(options, acquireRules, 'options of acquire')
}

/**
 * On the way of every query, as `verifyHolder` is.
 *
 * @throws TypeError or RangeError for what `run` cannot do.
 */
export function verifyWork(given: LeaseKind, work: unknown): void {
  if (typeof work === 'function' && typeof given === 'string' && kinds[given] === true) return
  verifyValue('kind', given, kind)
  verifyValue('work', work, aFunction)
}

/** @throws TypeError for a request that says no reason, or is none. */
export function verifyRequest(request: TriggerRequest): TriggerRequest {
  const { reason, ...rest } = verified(request, requestRules, 'the request of a trigger')
  verifyValue('reason', reason, nonEmptyString)
  return { reason, ...rest }
}
