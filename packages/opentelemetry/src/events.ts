import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Meter } from '@opentelemetry/api'
import type { FlusherEvents } from '@periodic-flush/core'
import { flushAttributes, POOL } from './attributes.ts'

type Handlers = { readonly [Event in keyof FlusherEvents]: (payload: FlusherEvents[Event]) => void }

/** Counts what the plain channels of core tell. The function returned ends that. */
export function countEvents(meter: Meter): () => void {
  const atSwap = meter.createHistogram('periodic_flush.swap.leases', {
    unit: '{lease}',
    description: 'Leases on the old generation when the fresh one took over; its count is that of the swaps',
    advice: { explicitBucketBoundaries: [0, 1, 2, 5, 10, 20, 50, 100, 200] },
  })
  const lifetime = meter.createHistogram('periodic_flush.generation.lifetime', {
    unit: 's',
    description: 'Age of a generation when the last of it was gone',
    advice: { explicitBucketBoundaries: [1, 5, 15, 30, 45, 60, 120, 300, 600, 1800, 3600] },
  })
  const cut = meter.createCounter('periodic_flush.lease.cut', {
    unit: '{lease}',
    description: 'Leases that were cut: the outcome of what was in flight is unknown',
  })
  const failed = meter.createCounter('periodic_flush.failed', {
    unit: '{failure}',
    description: 'What failed in the background, by the step that did; a failed flush is one of them',
  })
  const waiting = meter.createCounter('periodic_flush.waiting', {
    unit: '{spell}',
    description: 'Spells in which callers had to wait while generations overlapped, or for a hold to end',
  })
  const gap = meter.createCounter('periodic_flush.listen.gap', {
    unit: '{gap}',
    description: 'Times that notifications may have been lost',
  })
  return subscribeAll({
    swap: ({ name, reason, moved, leases }) =>
      atSwap.record(leases, { ...flushAttributes(name, reason), 'periodic_flush.moved': moved }),
    retired: ({ name, ageMs }) => lifetime.record(ageMs / 1000, { [POOL]: name }),
    cut: ({ name, stragglers }) => {
      for (const { kind } of stragglers) cut.add(1, { [POOL]: name, 'periodic_flush.lease.kind': kind })
    },
    failed: ({ name, reason, step, error }) =>
      failed.add(1, { ...flushAttributes(name, reason, error), 'periodic_flush.step': step }),
    waiting: ({ name }) => waiting.add(1, { [POOL]: name }),
    'listen-gap': ({ name }) => gap.add(1, { [POOL]: name }),
  })
}

function subscribeAll(handlers: Handlers): () => void {
  const subscriptions = Object.entries(handlers).map(([event, handler]) => {
    const channel = `periodic-flush:${event}`
    const onMessage = (message: unknown): void => handler(message as never)
    subscribe(channel, onMessage)
    return () => void unsubscribe(channel, onMessage)
  })
  return () => {
    for (const end of subscriptions) end()
  }
}
