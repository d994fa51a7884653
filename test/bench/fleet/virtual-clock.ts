import type { Clock, Timer } from '@periodic-flush/core'

class Due implements Timer {
  readonly at: number
  readonly callback: () => void
  cancelled = false

  constructor(at: number, callback: () => void) {
    this.at = at
    this.callback = callback
  }

  cancel(): void {
    this.cancelled = true
  }
}

/** A clock for many thousand timers, that runs as fast as what they do. */
export class VirtualClock implements Clock {
  #now = 0
  /** Latest first, so that the next one is taken off the end. */
  readonly #timers: Due[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, _hold: boolean, callback: () => void): Timer {
    const due = new Due(this.#now + ms, callback)
    this.#timers.splice(this.#place(due.at), 0, due)
    return due
  }

  /** Resolves after `ms` of this clock. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, true, resolve))
  }

  /** Moves the time on, fires what is due in order, and lets everything that follows from it happen. */
  async advanceTo(end: number): Promise<void> {
    for (let due = this.#timers.at(-1); due !== undefined && due.at <= end; due = this.#timers.at(-1)) {
      this.#timers.pop()
      if (due.cancelled) continue
      this.#now = due.at
      due.callback()
      // What comes at the same moment is in the array already; only a later moment must see this one's promises run.
      if (this.#timers.at(-1)?.at !== due.at) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#now = end
  }

  /** Where a timer belongs: before all that are earlier, and before those of the same moment, which were set first. */
  #place(at: number): number {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#timers[middle]?.at ?? 0) > at) low = middle + 1
      else high = middle
    }
    return low
  }
}
