import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { withPeriodicFlush } from '@periodic-flush/pg'
import { startPostgres } from '@periodic-flush/testing'
import pg from 'pg'
import { observe } from '../src/index.ts'

/** A client that is observed, and OpenTelemetry's own exporter, which Prometheus can ask. */
export interface Exporting extends AsyncDisposable {
  /** Host and port. */
  readonly address: string
  /** What Prometheus gets. */
  text(): Promise<string>
  /** A flush, which cuts a lease. */
  flush(): Promise<void>
  /** A flush that fails. */
  fail(): Promise<void>
}

/** Starts a server and a client called `orders` on it. */
export async function exporting(): Promise<Exporting> {
  const server = await startPostgres()
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const http = createServer((request, response) => exporter.getMetricsRequestHandler(request, response))
  const meterProvider = new MeterProvider({ readers: [exporter] })
  const end = observe({ meterProvider })
  let works = true
  const check = async () => {
    if (!works) throw new Error('refused')
  }
  const make = () => new pg.Pool({ connectionString: server.url() })
  const pool = withPeriodicFlush(make, { intervalMs: false, name: 'orders', check })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    address,
    text: async () => (await fetch(`http://${address}/metrics`)).text(),
    async flush() {
      const client = await pool.connect()
      client.on('error', () => {})
      await pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    },
    async fail() {
      works = false
      await pool.$flush().then(
        () => {
          throw new Error('a flush whose check fails was expected to fail')
        },
        () => {},
      )
      works = true
    },
    async [Symbol.asyncDispose]() {
      await pool.$flusher.close({ deadlineMs: 0 })
      end()
      http.close()
      http.closeAllConnections()
      await meterProvider.shutdown()
      await server.stop()
    },
  }
}
