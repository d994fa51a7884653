import type { FlushReport } from './flush-report.ts'
import { liveFlushers } from './live.ts'
import type { FlushOptions } from './options.ts'
import { verifyFlushOptions } from './options.ts'
import { type Rule, shown, verifyValue, withMethods } from './rule.ts'

/** Anything that can be flushed: what every `withPeriodicFlush` returns. */
export interface Target {
  $flush(options?: FlushOptions): Promise<FlushReport>
  readonly $flusher: {
    readonly name: string
    readonly paused: boolean
    takeTimer(): () => void
    distrust(reason: string): void
  }
}

/** What became of one target. */
export type TargetReport =
  | { readonly name: string; readonly status: 'flushed'; readonly report: FlushReport }
  | { readonly name: string; readonly status: 'failed'; readonly error: unknown }

/**
 * Flushes every target at once, and reports each, whatever happened to the others; in the order given. Without targets:
 * every wrapped client of this process that has been used and is not closed, in the order of their first use.
 *
 * @throws TypeError if one of them is no target; TypeError or RangeError for an option.
 */
export function flushAll(targets?: Iterable<Target>, options: FlushOptions = {}): Promise<TargetReport[]> {
  verifyFlushOptions(options)
  if (targets !== undefined) return Promise.all(verifiedTargets(targets).map((target) => flushOne(target, options)))
  return Promise.all(liveFlushers().map((flusher) => reported(flusher.name, () => flusher.flush(options))))
}

/** Flushes one target; never rejects. */
export function flushOne(target: Target, options?: FlushOptions): Promise<TargetReport> {
  return reported(target.$flusher.name, () => target.$flush(options))
}

async function reported(name: string, flush: () => Promise<FlushReport>): Promise<TargetReport> {
  try {
    return { name, status: 'flushed', report: await flush() }
  } catch (error) {
    return { name, status: 'failed', error }
  }
}

export const someTargets: Rule = {
  expected: 'an array of wrapped clients',
  kind: (value) => typeof value === 'object' && value !== null && Symbol.iterator in value,
}

const flushable = withMethods('a client', '$flush')
const schedule = withMethods('a flusher', 'takeTimer', 'distrust')

const target: Rule = {
  expected: 'a client that was wrapped with withPeriodicFlush',
  kind: (value) => flushable.kind(value) && schedule.kind(Reflect.get(Object(value), '$flusher')),
}

/**
 * The targets as an array, each seen to be one.
 *
 * @throws TypeError if one of them is none.
 */
export function verifiedTargets(targets: Iterable<Target>): Target[] {
  verifyValue('targets', targets, someTargets)
  return arrayOf(targets).map((given, index) => {
    verifyValue(`targets[${index}]`, given, target)
    return given
  })
}

/** Without the error of an iterator as cause: nobody knows what that quotes. */
function arrayOf(targets: Iterable<Target>): Target[] {
  try {
    return [...targets]
  } catch {
    throw new TypeError(
      `Expected \`targets\` to be ${someTargets.expected}, got ${shown(targets)}, which cannot be read`,
    )
  }
}
