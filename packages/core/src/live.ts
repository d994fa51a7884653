import type { FlushReport } from './flush-report.ts'
import type { FlusherStats } from './flusher-stats.ts'
import type { FlushOptions } from './options.ts'

/** What the process knows of a flusher that is in use. */
export interface LiveFlusher {
  readonly name: string
  flush(options?: FlushOptions): Promise<FlushReport>
  stats(): FlusherStats
}

/** Held weakly: a client that is dropped without being closed must not stay because of its being known here. */
const live = new Set<WeakRef<LiveFlusher>>()
const references = new WeakMap<LiveFlusher, WeakRef<LiveFlusher>>()
const collected = new FinalizationRegistry<WeakRef<LiveFlusher>>((reference) => live.delete(reference))

/** From its first use on. */
export function enlist(flusher: LiveFlusher): void {
  const reference = new WeakRef(flusher)
  references.set(flusher, reference)
  live.add(reference)
  collected.register(flusher, reference, reference)
}

/** When it is closed. */
export function strike(flusher: LiveFlusher): void {
  const reference = references.get(flusher)
  if (reference === undefined) return
  live.delete(reference)
  collected.unregister(reference)
}

/** Every flusher of the process that has been used and is not closed, in the order of their first use. */
export function liveFlushers(): LiveFlusher[] {
  return [...live].flatMap((reference) => reference.deref() ?? [])
}

/**
 * How each flusher of the process stands that has been used and is not closed, in the order of their first use: for
 * metrics, which ask only when somebody reads them.
 */
export function statsOfAll(): FlusherStats[] {
  return liveFlushers().map((flusher) => flusher.stats())
}
