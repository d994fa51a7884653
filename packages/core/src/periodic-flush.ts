import { verifySurroundings } from './arguments.ts'
import { type Clock, LATEST_MS, systemClock, type Timer } from './clock.ts'
import { defaults, type Options, rules } from './options.ts'
import { aFunction, milliseconds, type Rule, verified } from './rule.ts'
import { flushAll, flushOne, someTargets, type Target, type TargetReport, verifiedTargets } from './target.ts'
import { warn } from './warning.ts'

/** What one timer for many targets takes. */
export interface PeriodicFlushOptions extends Pick<Options, 'jitter' | 'name'> {
  /** Time in which each target is flushed once, from 1. Default 30 000. */
  readonly intervalMs?: number
  /** The wrapped clients to flush. */
  readonly targets: Iterable<Target>
  /** Called with what became of each timed flush. */
  readonly onReport?: (report: TargetReport) => void
}

const ownRules: Readonly<Record<keyof PeriodicFlushOptions, Rule>> = {
  targets: someTargets,
  onReport: aFunction,
  intervalMs: milliseconds(1),
  jitter: rules.jitter,
  name: rules.name,
}

/** A running timer for many targets. */
export interface PeriodicFlush extends AsyncDisposable {
  readonly name: string
  /** Flushes all of them now, and reports each. */
  flush(): Promise<TargetReport[]>
  /** Ends the timer and gives each target its own back, unless another such timer has it too. */
  stop(): void
}

/**
 * Flushes many clients on one timer, staggered over the interval: with `n` targets one of them is due every
 * `intervalMs / n`. It takes their own timers' place until it is stopped, or, of a target of several, until the last of
 * them is; and keeps no process alive. Triggers go on, and a target that is paused is passed over.
 *
 * @throws TypeError or RangeError for a wrong option; TypeError for something that is no target.
 */
export function startPeriodicFlush(
  given: PeriodicFlushOptions,
  clock: Clock = systemClock,
  random: () => number = Math.random,
): PeriodicFlush {
  const options = verified(given, ownRules, 'options of startPeriodicFlush')
  verifySurroundings({ clock, random })
  const { name = 'periodic-flush', intervalMs = defaults.intervalMs, jitter = defaults.jitter, onReport } = options
  const all = verifiedTargets(options.targets)
  const step = intervalMs / Math.max(1, all.length)
  let timer: Timer | undefined
  let due = 0

  const next = (): void => {
    if (all.length === 0) return
    const ms = Math.max(1, step * (1 - jitter * random()))
    const dueAt = clock.now() + ms
    timer = clock.after(ms, false, () => {
      if (clock.now() - dueAt > LATEST_MS) {
        for (const { $flusher } of all) if (!$flusher.paused) $flusher.distrust('woke up')
      }
      const target = all[due++ % all.length]
      if (target !== undefined && !target.$flusher.paused) {
        flushOne(target, { reason: 'interval', lazy: true, wait: 'swapped' }).then(onReport).catch(warn)
      }
      next()
    })
  }

  const giveBacks = all.map(({ $flusher }) => $flusher.takeTimer())

  const stop = (): void => {
    timer?.cancel()
    timer = undefined
    all.length = 0
    for (const giveBack of giveBacks.splice(0)) giveBack()
  }

  next()
  return {
    name,
    flush: () => flushAll(all),
    stop,
    [Symbol.asyncDispose]: async () => stop(),
  }
}
