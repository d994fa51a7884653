import type { Clock } from './clock.ts'
import type { Endpoint } from './driver.ts'

/** What a trigger says when it asks for a flush. */
export interface TriggerRequest {
  /** Why, for events and reports. */
  readonly reason: string
  /** True if the old server is known to be dead or demoted: with `onDeadline: 'auto'` its stragglers are then cut. */
  readonly abandoned?: boolean
  /**
   * Addresses at which the server is no longer to be found: with `onDeadline: 'auto'` the stragglers of an old client that
   * is connected to one of them are then cut, even if it is connected to the fresh client's server too.
   */
  readonly gone?: readonly string[]
}

/** What a trigger sees of the client that it watches. */
export interface Watched {
  /** The instance's name. */
  readonly name: string
  /** Where a trigger takes the time from and sets its timers, which keep no process alive (`hold: false`). */
  readonly clock: Clock
  /** A number from 0 to 1, exclusive: for jitter. */
  readonly random: () => number
  /**
   * Asks for a flush. Requests that come together make one. Those of one trigger are at least `minGapMs` apart: one that
   * comes too early is put off to the end of the gap, and stands for all that come before that. A flush that fails is
   * tried again, with backoff, until one succeeds.
   *
   * @throws TypeError or RangeError for a wrong request.
   */
  flush(request: TriggerRequest): void
  /** The names and ports that the current client was told; empty where the driver does not tell. */
  endpoints(): readonly Endpoint[]
  /** The addresses that the current client's sockets are connected to; undefined where the driver does not tell. */
  peers(): readonly string[] | undefined
  /**
   * Asks the server of the current client whether it accepts writes, on a lease of its own; undefined where the driver
   * cannot. Rejects as a statement would, and with TIMEOUT after `checkTimeoutMs`.
   */
  writable(): Promise<boolean | undefined>
  /**
   * Calls `listener` whenever something failed on the current client with an error that says something about the server,
   * with the driver's word for that: `'read-only'`, `'shutdown'`, `'lost'`. The function returned ends that.
   */
  onSuspicion(listener: (suspicion: string) => void): () => void
  /** Tells, as the event `failed` with the step `'trigger'`, that the trigger could not do its work. */
  failed(error: unknown): void
}

/**
 * A reason to flush other than the interval.
 *
 * One trigger may be given to several clients: each starts it for itself, with the first use of the client, and stops
 * it when its schedule pauses or the client is closed. A trigger keeps no process alive.
 */
export interface Trigger {
  readonly name: string
  /** Begins to watch; the function that it returns ends that. */
  start(watched: Watched): () => void
}
