import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Attributes, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { FlusherEvents, FlushReport } from '@periodic-flush/core'
import { flushAttributes } from './attributes.ts'
import { flushes, type TracedFlush } from './flushes.ts'

/** Makes each flush a span, a child of whatever asked for it. The function returned ends that, and the open spans. */
export function traceFlushes(tracer: Tracer): () => void {
  const open = new Map<TracedFlush, Span>()
  const onStart = (message: unknown): void => {
    const flush = message as TracedFlush
    const attributes = flushAttributes(flush.name, flush.reason)
    open.set(flush, tracer.startSpan(`flush ${flush.name}`, { kind: SpanKind.INTERNAL, attributes }))
  }
  const onSwap = (message: unknown): void => {
    const { name, reason } = message as FlusherEvents['swap']
    // Several may be open for one name: those that drain have swapped already, and the others have not begun to open.
    const swapping = [...open].find(([flush]) => flush.name === name && flush.reason === reason && !swapped.has(flush))
    if (swapping === undefined) return
    swapped.add(swapping[0])
    swapping[1].addEvent('swap')
  }
  const swapped = new WeakSet<TracedFlush>()
  const onEnd = (message: unknown): void => {
    const flush = message as TracedFlush
    const span = open.get(flush)
    open.delete(flush)
    if (span === undefined) return
    if (flush.report !== undefined) span.setAttributes(reportAttributes(flush.report))
    if (flush.error !== undefined) {
      span.setAttributes(flushAttributes(flush.name, flush.reason, flush.error))
      span.recordException(flush.error instanceof Error ? flush.error : String(flush.error))
      span.setStatus({ code: SpanStatusCode.ERROR })
    }
    span.end()
  }
  subscribe(flushes.start.name, onStart)
  subscribe('periodic-flush:swap', onSwap)
  subscribe(flushes.asyncEnd.name, onEnd)
  return () => {
    unsubscribe(flushes.start.name, onStart)
    unsubscribe('periodic-flush:swap', onSwap)
    unsubscribe(flushes.asyncEnd.name, onEnd)
    for (const span of open.values()) span.end()
    open.clear()
  }
}

function reportAttributes(report: FlushReport): Attributes {
  return {
    'periodic_flush.generation': report.generation,
    'periodic_flush.moved': report.moved,
    'periodic_flush.checked': report.checked,
    'periodic_flush.warmed': report.warmed,
    'periodic_flush.drained': report.drained,
    'periodic_flush.cut': report.cut,
    'periodic_flush.stragglers': report.stragglers.length,
  }
}
