import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { shown } from '@periodic-flush/core'
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
  verify(options)
  const meter = (options.meterProvider ?? metrics).getMeter(SCOPE)
  const tracer = (options.tracerProvider ?? trace).getTracer(SCOPE)
  const ends = [watchPools(meter), measureFlushes(meter), countEvents(meter), traceFlushes(tracer)]
  return () => {
    for (const end of ends.splice(0)) end()
  }
}

const providers = { meterProvider: 'getMeter', tracerProvider: 'getTracer' } as const

function verify(options: ObserveOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`Expected options of observe to be an object, got ${shown(options)}`)
  }
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(providers, key)) {
      throw new TypeError(`Unknown option \`${key}\`; expected one of ${Object.keys(providers).join(', ')}`)
    }
    const method = providers[key as keyof typeof providers]
    if (value === undefined || typeof value?.[method] === 'function') continue
    throw new TypeError(`Expected \`${key}\` to be an object with a method ${method}, got ${shown(value)}`)
  }
}
