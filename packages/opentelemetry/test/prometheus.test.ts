import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { expect, test } from 'vitest'
import { until } from '../../fleet/test/watched-client.ts'
import { observe } from '../src/index.ts'
import { exporting } from './exporting.ts'
import { PrometheusServer, prometheusInstalled } from './prometheus-server.ts'
import { alerts, dashboardText, labelsIn, panels, readme, rulesText } from './shipped.ts'

/** The metrics that a query asks for, as patterns: by name, or by a pattern of names. */
function metricsOf(expression: string): string[] {
  const patterns = [...expression.matchAll(/__name__=~"([^"]+)"/g)].map(([, pattern = '']) => pattern)
  const labels = /\{[^}]*\}|by \([^)]*\)/g
  const names = expression.replaceAll(labels, '').match(/\b(db_client|periodic_flush)_\w+/g) ?? []
  return [...patterns, ...names]
}

test('the exporter tells every metric that the dashboard and the alerts ask for', async () => {
  await using source = await exporting()
  await source.flush()
  await source.fail()
  const text = await source.text()
  const names = [...new Set([...text.matchAll(/^(\w+)\{/gm)].map(([, name = '']) => name))]
  const queries = (await panels()).flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const rules = await alerts()
  expect(rules).toHaveLength(3)
  const wanted = [...new Set([...queries, ...rules.map(({ expr }) => expr)].flatMap(metricsOf))]
  expect(wanted.length).toBeGreaterThan(8)
  expect(wanted.filter((pattern) => !names.some((name) => new RegExp(`^${pattern}$`).test(name)))).toEqual([])
})

test.skipIf(!prometheusInstalled)(
  'a Prometheus that has scraped shows each panel with its labels, and raises the alerts',
  async () => {
    await using source = await exporting()
    await using prometheus = await PrometheusServer.start(source.address, await rulesText())
    const flushes = () => prometheus.query('periodic_flush_swap_leases_count')
    await source.flush()
    // It has to see a rise for there to be a rate.
    await until(async () => (await flushes()).length === 1)
    await source.flush()
    await source.fail()
    await until(async () => (await prometheus.query('periodic_flush_failed_total')).length === 1)

    const shown = await Promise.all(
      (await panels()).flatMap(({ title, targets }) =>
        targets.map(async ({ expr, legendFormat }) => {
          const query = expr.replaceAll('$pool', 'orders').replaceAll('$__rate_interval', '1m')
          const series = await prometheus.query(query)
          const labels = labelsIn(legendFormat)
          const complete = series.length > 0 && series.every(({ metric }) => labels.every((label) => metric[label]))
          return complete ? [] : [`${title}: ${query}: ${JSON.stringify(series)}`]
        }),
      ),
    )
    expect(shown.flat()).toEqual([])

    const { templating } = JSON.parse(await dashboardText())
    const variable: string = templating.list.find(({ name }: { name: string }) => name === 'pool').query.query
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(variable) ?? []
    expect(await prometheus.labelValues(metric, label)).toEqual(['orders'])

    const firing = async () => (await prometheus.alerts()).filter(({ state }) => state === 'firing')
    await until(async () => (await firing()).length === 2)
    const summaries = (await firing()).map(({ annotations }) => annotations['summary'])
    expect(summaries.sort()).toEqual([
      'orders: flush (manual) fails with CHECK_FAILED; the old client serves on',
      'orders: work was cut at its deadline (reserved); its outcome is unknown',
    ])
  },
)

test('the README’s table of metrics is that of the code', async () => {
  const rows = [...(await readme()).matchAll(/^\| `([\w.]+)` +\| ([\w-]+) +\| `([^`]+)`/gm)]
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
