import type { Clock, Timer } from '../src/clock.ts'

interface Due {
  readonly at: number
  readonly hold: boolean
  readonly callback: () => void
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 0
  readonly #timers = new Set<Due>()

  now(): number {
    return this.#now
  }

  after(ms: number, hold: boolean, callback: () => void): Timer {
    const due = { at: this.#now + ms, hold, callback }
    this.#timers.add(due)
    return { cancel: () => this.#timers.delete(due) }
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** How many of them keep the process alive. */
  get held(): number {
    return [...this.#timers].filter(({ hold }) => hold).length
  }

  /** How long until the next timer fires. */
  get next(): number | undefined {
    const times = [...this.#timers].map(({ at }) => at - this.#now)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Moves the time on without firing anything: the process is suspended. What is due fires with the next `advance`. */
  sleep(ms: number): void {
    this.#now += ms
  }

  /** Moves the time on, fires what is due in order, and lets everything that follows from it happen. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.callback()
      await settled()
    }
    this.#now = end
    await settled()
  }
}

/** Lets every promise job that is under way run to its end. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Closes a flusher on a clock that stands still otherwise, whatever still runs on it. */
export async function closeBy(clock: ManualClock, flusher: { close(): Promise<void> }): Promise<void> {
  const closed = flusher.close()
  await settled()
  await clock.advance(15_000)
  await closed
}
