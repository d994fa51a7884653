/** A timer that has been set. */
export interface Timer {
  cancel(): void
}

/** Where core takes the time from; a test passes one that it can move by hand. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /**
   * Calls `callback` once after `ms` milliseconds.
   *
   * `hold` says whether the timer keeps the process alive: only where a caller waits on it.
   */
  after(ms: number, hold: boolean, callback: () => void): Timer
}

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, hold, callback) {
    const timer = setTimeout(callback, ms)
    if (!hold) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
