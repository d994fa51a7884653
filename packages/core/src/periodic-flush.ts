import { type Clock, systemClock, type Timer } from './clock.ts'
import { type Options, resolveOptions, shown } from './options.ts'
import { LATEST_MS } from './scheduler.ts'
import { flushAll, flushOne, type Target, type TargetReport, verifiedTargets } from './target.ts'

/** What one timer for many targets takes. */
export interface PeriodicFlushOptions extends Pick<Options, 'intervalMs' | 'jitter' | 'name'> {
  /** The wrapped clients to flush. */
  readonly targets: Iterable<Target>
  /** Called with what became of each timed flush. */
  readonly onReport?: (report: TargetReport) => void
}

/** A running timer for many targets. */
export interface PeriodicFlush extends AsyncDisposable {
  readonly name: string
  /** Flushes all of them now, and reports each. */
  flush(): Promise<TargetReport[]>
  /** Ends the timer and gives each target its own schedule back. */
  stop(): void
}

/**
 * Flushes many clients on one timer, staggered over the interval: with `n` targets one of them is due every
 * `intervalMs / n`. It takes their own timers' place until it is stopped, and keeps no process alive.
 *
 * @throws TypeError or RangeError for a wrong option; TypeError for something that is no target.
 */
export function startPeriodicFlush(
  given: PeriodicFlushOptions,
  clock: Clock = systemClock,
  random: () => number = Math.random,
): PeriodicFlush {
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`Expected options of startPeriodicFlush to be an object, got ${shown(given)}`)
  }
  const { targets, onReport, ...options } = given
  const { name, intervalMs, jitter } = resolveOptions(options, 'periodic-flush')
  if (intervalMs === false) throw new TypeError('Expected `intervalMs` to be a number, got false')
  const all = verifiedTargets(targets)
  const step = intervalMs / Math.max(1, all.length)
  let timer: Timer | undefined
  let due = 0

  const next = (): void => {
    if (all.length === 0) return
    const ms = Math.max(1, step * (1 - jitter * random()))
    const dueAt = clock.now() + ms
    timer = clock.after(ms, false, () => {
      if (clock.now() - dueAt > LATEST_MS) for (const { $flusher } of all) $flusher.distrust('woke up')
      const target = all[due++ % all.length]
      if (target !== undefined) {
        flushOne(target, { reason: 'interval', lazy: true, wait: 'swapped' }).then((report) => onReport?.(report))
      }
      next()
    })
  }

  const stop = (): void => {
    timer?.cancel()
    timer = undefined
    for (const target of all.splice(0)) target.$flusher.resume()
  }

  for (const target of all) target.$flusher.pause()
  next()
  return {
    name: options.name ?? name,
    flush: () => flushAll(all),
    stop,
    [Symbol.asyncDispose]: async () => stop(),
  }
}
