import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { withPeriodicFlush } from '@periodic-flush/pg'
import { startPostgres } from '@periodic-flush/testing'
import pg from 'pg'
import { expect, test } from 'vitest'
import { observe } from '../src/index.ts'

const file = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

/** Everything happens once: a flush, one that fails, a cut. Then Prometheus comes by. */
async function scraped(): Promise<string> {
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
  try {
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const client = await pool.connect()
    client.on('error', () => {})
    await pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    works = false
    await expect(pool.$flush()).rejects.toThrow('refused')
    const answer = await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}/metrics`)
    return await answer.text()
  } finally {
    await pool.$flusher.close({ deadlineMs: 0 })
    end()
    http.close()
    await meterProvider.shutdown()
    await server.stop()
  }
}

/** The metrics that a query asks for, as patterns: by name, or by a pattern of names. */
function metricsOf(expression: string): string[] {
  const patterns = [...expression.matchAll(/__name__=~"([^"]+)"/g)].map(([, pattern = '']) => pattern)
  const labels = /\{[^}]*\}|by \([^)]*\)/g
  const names = expression.replaceAll(labels, '').match(/\b(db_client|periodic_flush)_\w+/g) ?? []
  return [...patterns, ...names]
}

test('Prometheus sees every metric that the dashboard and the alerts ask for', async () => {
  const text = await scraped()
  const names = [...new Set([...text.matchAll(/^(\w+)\{/gm)].map(([, name = '']) => name))]
  const { panels } = JSON.parse(await file('dashboard.json')) as { panels: { targets: { expr: string }[] }[] }
  const [, alerts = ''] = /```yaml\n(.*?)```/s.exec(await file('README.md')) ?? []
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  expect(alerts.match(/- alert: /g)).toHaveLength(3)
  const wanted = [...new Set([...queries, ...alerts.split('annotations:')].flatMap(metricsOf))]
  expect(wanted.length).toBeGreaterThan(8)
  expect(wanted.filter((pattern) => !names.some((name) => new RegExp(`^${pattern}$`).test(name)))).toEqual([])
})

test('the README’s table of metrics is that of the code', async () => {
  const rows = [...(await file('README.md')).matchAll(/^\| `([\w.]+)` +\| ([\w-]+) +\| `([^`]+)`/gm)]
  const made: string[][] = []
  const kinds = {
    createHistogram: 'histogram',
    createCounter: 'counter',
    createObservableGauge: 'gauge',
    createObservableUpDownCounter: 'up-down',
  }
  const meterProvider = new MeterProvider()
  const meter = meterProvider.getMeter('test')
  for (const [method, kind] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
    const create = meter[method].bind(meter) as (name: string, options: { unit: string }) => never
    meter[method] = (name: string, options?: { unit?: string }) => {
      made.push([name, kind, options?.unit ?? ''])
      return create(name, { unit: '' })
    }
  }
  observe({ meterProvider: { getMeter: () => meter } })()
  expect(rows.map(([, ...cells]) => cells).sort()).toEqual(made.sort())
})
