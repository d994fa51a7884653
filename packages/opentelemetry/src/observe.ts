import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { verified, withMethods } from '@periodic-flush/core'
import { countEvents } from './events.ts'
import { measureFlushes } from './flushes.ts'
import { watchPools } from './pools.ts'
import { traceFlushes } from './spans.ts'

/** Where metrics and spans go. */
export interface ObserveOptions {
  /** Default: the one that is registered with `@opentelemetry/api`. */
  readonly meterProvider?: MeterProvider | undefined
  /** Default: the one that is registered with `@opentelemetry/api`. */
  readonly tracerProvider?: TracerProvider | undefined
}

const SCOPE = '@periodic-flush/opentelemetry'

/**
 * Turns what happens to every flushing client of this process into OpenTelemetry metrics and spans, from now until the
 * function that it returns is called. That may be called more than once; then no listener and no callback is left, and
 * no span is open. Instruments stay known to the meter provider, which has no way to forget one.
 *
 * A query costs nothing: the state of the pools is read when somebody collects the metrics, all else is told by flushes.
 * Call it after the OpenTelemetry SDK has started, since instruments of the default provider are bound once; and once,
 * since a second observation counts everything a second time.
 *
 * @throws TypeError for an unknown option, or one that is no provider.
 */
export function observe(options: ObserveOptions = {}): () => void {
  const { meterProvider = metrics, tracerProvider = trace } = verified(options, rules, 'options of observe')
  const meter = meterProvider.getMeter(SCOPE)
  const tracer = tracerProvider.getTracer(SCOPE)
  const ends = [watchPools(meter), measureFlushes(meter), countEvents(meter), traceFlushes(tracer)]
  return () => {
    for (const end of ends.splice(0)) end()
  }
}

const rules = {
  meterProvider: withMethods('a meter provider, with a method getMeter', 'getMeter'),
  tracerProvider: withMethods('a tracer provider, with a method getTracer', 'getTracer'),
}
