import {
  aBoolean,
  between,
  isName,
  milliseconds,
  nonEmptyString,
  oneOf,
  orFalse,
  type Rule,
  shown,
  verified,
  wholeNumber,
  withMethods,
} from './rule.ts'
import type { Trigger } from './trigger.ts'

/** What happens to work that is still running on the old client at the deadline. */
export type OnDeadline = 'auto' | 'keep' | 'cut'

/**
 * How a client is flushed. All durations are in milliseconds; every option has a default.
 *
 * A check function gets the fresh client before anything else does; it rejects to refuse it. When `signal` aborts,
 * its time is over.
 */
export interface Options<Client = unknown> {
  /** Time between flushes, from 1; `false` sets no timer, so that only triggers and `$flush` do. Default 30 000. */
  readonly intervalMs?: number | false
  /** Share of the interval, from 0 to 1, by which each period is shortened at random. Default 0.1. */
  readonly jitter?: number
  /** How long a flush waits for the old client's work, from 0. Default 15 000. */
  readonly deadlineMs?: number
  /**
   * What happens at the deadline to work still running on the old client. `'keep'` lets it finish and reports it;
   * `'cut'` drops its sockets. `'auto'`, the default, keeps while the fresh client talks to the same server, and cuts
   * when it talks to another one, or when the trigger says that the old server is dead or demoted.
   */
  readonly onDeadline?: OnDeadline
  /** Proves that a fresh client works: the driver's own way (`true`, the default), not at all, or yours. */
  readonly check?: boolean | ((client: Client, signal: AbortSignal) => unknown)
  /** `'writable'` refuses a fresh client that reached a read-only server. Default `'any'`. */
  readonly require?: 'any' | 'writable'
  /**
   * Bounds opening and checking a fresh client, and how long a flush waits for a first client that is still being opened;
   * from 1. Default 5 000.
   */
  readonly checkTimeoutMs?: number
  /** Connections beyond the client's own limit while two generations overlap, from 1. Default 1. */
  readonly overlap?: number
  /** A generation older than this is flushed by its next use, with no timer at all; from 1. Default `false`. */
  readonly maxAgeMs?: number | false
  /** Time between flushes that one trigger asks for, from 0. Default 1 000. */
  readonly minGapMs?: number
  /** Reasons to flush other than the interval. Default none. */
  readonly triggers?: readonly Trigger[]
  /** Label in events, errors and metrics. Default: the driver's name. */
  readonly name?: string
}

/** Options with every default filled in. */
export type ResolvedOptions<Client = unknown> = Required<Options<Client>>

/** The defaults, in one place. `name` is the driver's. */
export const defaults = Object.freeze({
  intervalMs: 30_000,
  jitter: 0.1,
  deadlineMs: 15_000,
  onDeadline: 'auto',
  check: true,
  require: 'any',
  checkTimeoutMs: 5_000,
  overlap: 1,
  maxAgeMs: false,
  minGapMs: 1_000,
  triggers: Object.freeze([]) as readonly Trigger[],
}) satisfies Omit<ResolvedOptions, 'name'>

const trigger = withMethods('a trigger', 'start')
const isTrigger = (value: unknown): boolean =>
  trigger.kind(value) && nonEmptyString.kind(Reflect.get(Object(value), 'name'))

/** `[nameMoved]` is a likely slip. */
function firstThatIsNone(triggers: unknown): string {
  if (!Array.isArray(triggers)) return shown(triggers)
  const index = triggers.findIndex((each) => !isTrigger(each))
  const given: unknown = triggers[index]
  if (typeof given !== 'function') return `${shown(given)} at index ${index}`
  const name = isName(given.name) ? given.name : 'trigger'
  const call = `${name}(${given.length === 0 ? '' : '…'})`
  return `a function at index ${index}: what makes a trigger has to be called, as in triggers: [${call}]`
}

const deadlineMs = milliseconds(0)
const onDeadline = oneOf('auto', 'keep', 'cut')

export const rules: Readonly<Record<keyof Options, Rule>> = {
  intervalMs: orFalse(milliseconds(1)),
  jitter: between(0, 1),
  deadlineMs,
  onDeadline,
  check: {
    expected: 'a boolean or a function',
    kind: (value) => typeof value === 'boolean' || typeof value === 'function',
  },
  require: oneOf('any', 'writable'),
  checkTimeoutMs: milliseconds(1),
  overlap: wholeNumber(1),
  maxAgeMs: orFalse(milliseconds(1)),
  minGapMs: milliseconds(0),
  triggers: {
    expected: 'an array of triggers',
    kind: (value) => Array.isArray(value) && value.every(isTrigger),
    given: firstThatIsNone,
  },
  name: nonEmptyString,
}

/** How one flush differs from what the options say. */
export interface FlushOptions {
  /** Why, for events and reports. Default `'manual'`. */
  readonly reason?: string
  /** As the option of the same name, for this flush. */
  readonly deadlineMs?: number
  /** As the option of the same name, for this flush. */
  readonly onDeadline?: OnDeadline
  /**
   * When the promise resolves: once the old generation is gone or its deadline has come (`'drained'`, the default), or
   * as soon as the fresh one serves (`'swapped'`). Inside a transaction callback use `'swapped'`: anything else would
   * wait for itself.
   */
  readonly wait?: 'drained' | 'swapped'
  /**
   * What a timer wants: if nothing used the client since the last flush, open no connection, and only let the idle
   * ones go, so that the next use connects to whatever the name says then. Default `false`.
   */
  readonly lazy?: boolean
}

const flushRules: Readonly<Record<keyof FlushOptions, Rule>> = {
  reason: rules.name,
  deadlineMs,
  onDeadline,
  wait: oneOf('drained', 'swapped'),
  lazy: aBoolean,
}

/** How `$flusher.hold` flushes. */
export interface HoldOptions {
  /** How long new work may wait for what runs to end, from 0. Default: `deadlineMs`. */
  readonly timeoutMs?: number
  /** Why, for events and reports. Default `'hold'`. */
  readonly reason?: string
}

const holdRules: Readonly<Record<keyof HoldOptions, Rule>> = { timeoutMs: deadlineMs, reason: rules.name }

/** How `$flusher.close` ends. */
export interface CloseOptions {
  /** As the option of the same name: how long running work may go on. */
  readonly deadlineMs?: number
}

const closeRules: Readonly<Record<keyof CloseOptions, Rule>> = { deadlineMs }

/**
 * Fills in the defaults.
 *
 * @throws TypeError for an unknown option or a value of the wrong type, RangeError for one out of range; the message
 * names the option, what was expected and what was given. `undefined` counts as absent.
 */
export function resolveOptions<Client>(options: Options<Client>, driverName: string): ResolvedOptions<Client> {
  return { ...defaults, name: driverName, ...verified(options, rules, 'options') }
}

/**
 * For adapters: verifies the options of a client before anything is made of them.
 *
 * @throws TypeError or RangeError, as `createFlusher` does.
 */
export function verifyOptions(options: Options<never>): void {
  verified(options, rules, 'options')
}

/** Verifies the options of one flush; throws as {@link resolveOptions} does. */
export function verifyFlushOptions(options: FlushOptions): FlushOptions {
  return verified(options, flushRules, 'options of $flush')
}

/** Verifies the options of `$flusher.hold`; throws as {@link resolveOptions} does. */
export function verifyHoldOptions(options: HoldOptions): HoldOptions {
  return verified(options, holdRules, 'options of $flusher.hold')
}

/** Verifies the options of `$flusher.close`; throws as {@link resolveOptions} does. */
export function verifyCloseOptions(options: CloseOptions): CloseOptions {
  return verified(options, closeRules, 'options of $flusher.close')
}
