import type { MetricData } from '@opentelemetry/sdk-metrics'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'

type Attributes = Readonly<Record<string, unknown>>

/** What a meter provider has collected, as values by metric and attributes. */
export class Collected {
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  readonly #reader = new PeriodicExportingMetricReader({ exporter: this.#exporter, exportIntervalMillis: 2 ** 31 - 1 })
  readonly provider = new MeterProvider({ readers: [this.#reader] })

  /** Collects now. */
  async metrics(): Promise<MetricData[]> {
    this.#exporter.reset()
    await this.provider.forceFlush()
    return this.#exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
  }

  /** Collects now: the points of a metric as pairs of attributes and value. */
  readonly points = async (name: string): Promise<{ attributes: Attributes; value: unknown }[]> => {
    const metric = (await this.metrics()).find(({ descriptor }) => descriptor.name === name)
    return (metric?.dataPoints ?? []).map(({ attributes, value }) => ({ attributes, value }))
  }
}
