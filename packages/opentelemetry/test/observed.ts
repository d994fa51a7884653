import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { observe } from '../src/index.ts'
import { Collected } from './collected.ts'

/** An observation of everything that happens, until it is disposed of. */
export class Observed implements AsyncDisposable {
  readonly metrics = new Collected()
  readonly spans = new InMemorySpanExporter()
  readonly #tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.spans)] })
  readonly #end = observe({ meterProvider: this.metrics.provider, tracerProvider: this.#tracerProvider })

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
    await this.metrics.provider.shutdown()
    await this.#tracerProvider.shutdown()
  }
}
