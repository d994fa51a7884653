import type { Endpoint } from './driver.ts'

/** What a trigger says when it asks for a flush. */
export interface TriggerRequest {
  /** Why, for events and reports. */
  readonly reason: string
  /** True if the old server is known to be dead or demoted: with `onDeadline: 'auto'` its stragglers are then cut. */
  readonly abandoned?: boolean
}

/** What a trigger sees of the client that it watches. */
export interface Watched {
  /** The instance's name. */
  readonly name: string
  /** Asks for a flush. Requests that come together make one; `minGapMs` keeps a storm of them from becoming one. */
  flush(request: TriggerRequest): void
  /** The names and ports that the current client was told; empty where the driver does not tell. */
  endpoints(): readonly Endpoint[]
  /** The addresses that the current client's sockets are connected to; empty where the driver does not tell. */
  peers(): readonly string[]
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
