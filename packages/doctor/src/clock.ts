import { setTimeout as wait } from 'node:timers/promises'

/** Time as the doctor sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Resolves after that many milliseconds, and at once when `signal` aborts. */
  pause(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  pause: (ms, signal) => wait(ms, undefined, signal && { signal }).catch(() => undefined),
}
