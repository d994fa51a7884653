import { type Channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import type { Meter } from '@opentelemetry/api'
import type { FlushTrace } from '@periodic-flush/core'
import { flushAttributes } from './attributes.ts'

/** What the tracing channel adds to a flush that failed. */
export interface TracedFlush extends FlushTrace {
  readonly error?: unknown
}

/** The tracing channel of core. */
export const flushes: { readonly start: Channel; readonly asyncEnd: Channel } = tracingChannel('periodic-flush:flush')

/** Measures how long flushes take, and how many fail, by reason. The function returned ends that. */
export function measureFlushes(meter: Meter): () => void {
  const duration = meter.createHistogram('periodic_flush.flush.duration', {
    unit: 's',
    description:
      'From the begin of a flush until the old generation is gone or its deadline has come, or it has failed',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60] },
  })
  const failed = meter.createCounter('periodic_flush.flush.failed', {
    unit: '{flush}',
    description: 'Flushes that failed and left the old generation in service',
  })
  const begun = new WeakMap<TracedFlush, number>()
  const onStart = (message: unknown): void => void begun.set(message as TracedFlush, performance.now())
  const onEnd = (message: unknown): void => {
    const flush = message as TracedFlush
    const start = begun.get(flush)
    const attributes = flushAttributes(flush.name, flush.reason, flush.error)
    if (start !== undefined) duration.record((performance.now() - start) / 1000, attributes)
    if (flush.error !== undefined) failed.add(1, attributes)
  }
  subscribe(flushes.start.name, onStart)
  subscribe(flushes.asyncEnd.name, onEnd)
  return () => {
    unsubscribe(flushes.start.name, onStart)
    unsubscribe(flushes.asyncEnd.name, onEnd)
  }
}
