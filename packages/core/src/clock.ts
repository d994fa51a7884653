import { AsyncResource } from 'node:async_hooks'

/** A timer that has been set. */
export interface Timer {
  cancel(): void
}

/** Where core takes the time from; a test passes one that it can move by hand. */
export interface Clock {
  /** Milliseconds on a clock that never goes back, and that counts the time during which the machine slept. */
  now(): number
  /**
   * Calls `callback` once after `ms` milliseconds.
   *
   * `hold` says whether the timer keeps the process alive: only where a caller waits on it.
   */
  after(ms: number, hold: boolean, callback: () => void): Timer
}

/** A timer that is late by more than this was kept from firing: the process was suspended. */
export const LATEST_MS = 1_000

/** A step of the wall clock beyond the monotonic one that is longer than this was no correction but sleep. */
const LONGEST_CORRECTION_MS = 1_000

/**
 * The time of two clocks, of which the larger step counts: the monotonic one stands still while a laptop or a frozen
 * virtual machine sleeps, and the wall clock may be set back. Milliseconds.
 */
export function wakefulNow(monotonic: () => number, wall: () => number): () => number {
  let ahead = wall() - monotonic()
  let slept = 0
  return () => {
    const now = monotonic()
    const jump = wall() - now - ahead
    if (jump > LONGEST_CORRECTION_MS) slept += jump
    ahead += jump
    return now + slept
  }
}

/**
 * The asynchronous context of nobody. Else what a timer does, and with it each timed flush, would belong to whoever was
 * served when the first one was set: tracing would put it under that request for good, and its store would never be freed.
 */
const nobody = new AsyncResource('PeriodicFlushTimer')

/** The process's own clock. */
export const systemClock: Clock = {
  now: wakefulNow(
    () => performance.now(),
    () => Date.now(),
  ),
  after(ms, hold, callback) {
    const timer = nobody.runInAsyncScope(() => setTimeout(callback, ms))
    if (!hold) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
