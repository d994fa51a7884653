import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { installed } from '../../fleet/test/broker.ts'
import { panels, rulesText } from './shipped.ts'

const promtool = installed('promtool', 'prometheus')

/** What promtool says of these files, the first of which it is given. */
async function run(command: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'periodic-flush-alerts-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const [first = ''] = Object.keys(files)
    const told = await promisify(execFile)('promtool', [...command.split(' '), first], { cwd: folder }).catch(
      (error) => error,
    )
    return `${told.stdout}${told.stderr}`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Expected {
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
}

/** An input series: `-` says no sample, for the rest see promtool. A sample is a quarter of a minute. */
interface Course {
  readonly series: string
  readonly values: string
}

/** Whether the alert fires at these minutes. */
async function fires(alert: string, courses: readonly Course[], at: Readonly<Record<string, Expected[]>>) {
  const tests = {
    rule_files: ['rules.yml'],
    evaluation_interval: '15s',
    tests: [
      {
        interval: '15s',
        input_series: courses,
        alert_rule_test: Object.entries(at).map(([minutes, expected]) => ({
          eval_time: minutes,
          alertname: alert,
          exp_alerts: expected.map(({ labels, summary }) => ({ exp_labels: labels, exp_annotations: { summary } })),
        })),
      },
    ],
  }
  const told = await run('test rules', { 'tests.json': JSON.stringify(tests), 'rules.yml': await rulesText() })
  expect(told).toContain('SUCCESS')
}

const pool = (name: string): string => `db_client_connection_pool_name="${name}", job="shop", instance="a:9464"`

test.skipIf(!promtool)('Prometheus takes the alerts, and every query of the dashboard', async () => {
  expect(await run('check rules', { 'rules.yml': await rulesText() })).toContain('SUCCESS: 3 rules found')
  const queries = (await panels()).flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const rules = queries.map((query, index) => ({
    record: `query:${index}`,
    expr: query.replaceAll('$pool', '.*').replaceAll('$__rate_interval', '1m'),
  }))
  const asked = JSON.stringify({ groups: [{ name: 'dashboard', rules }] })
  expect(await run('check rules', { 'dashboard.json': asked })).toContain(`SUCCESS: ${queries.length} rules found`)
})

test.skipIf(!promtool).each(['periodic_flush_generation_age', 'periodic_flush_generation_age_seconds'])(
  'an age that only rises raises an alert after four intervals and a minute, one that is a saw-tooth does not: %s',
  async (metric) => {
    const name = 'orders'
    const courses = [
      { series: `${metric}{${pool(name)}}`, values: '0+15x20' },
      { series: `${metric}{${pool('users')}}`, values: '0 15 30 0 15 30 0 15 30 0 15 30 0 15 30 0 15 30 0 15 30' },
    ]
    const labels = { job: 'shop', instance: 'a:9464', db_client_connection_pool_name: name }
    const summary = `${name} is not flushed: it would not follow its server to another address`
    // It is older than 120 s from the first look after 2 minutes on.
    await fires('DatabaseClientNotFlushed', courses, {
      '3m': [],
      '3m15s': [{ labels, summary }],
      '5m': [{ labels, summary }],
    })
  },
)

test.skipIf(!promtool)('a failed flush raises an alert for ten minutes, also where it is the first', async () => {
  const failed = (name: string, reason: string) =>
    `periodic_flush_flush_failed_total{${pool(name)}, periodic_flush_reason="${reason}", error_type="CHECK_FAILED"}`
  const expected = (name: string, reason: string): Expected => ({
    labels: { db_client_connection_pool_name: name, periodic_flush_reason: reason, error_type: 'CHECK_FAILED' },
    summary: `${name}: flush (${reason}) fails with CHECK_FAILED; the old client serves on`,
  })
  const courses = [
    { series: failed('first', 'interval'), values: '_x59 1x100' },
    { series: failed('again', 'name moved'), values: '7x59 8x100' },
    { series: failed('quiet', 'interval'), values: '7x160' },
  ]
  await fires('DatabaseFlushFails', courses, {
    '14m30s': [],
    '16m': [expected('first', 'interval'), expected('again', 'name moved')],
    '24m': [expected('first', 'interval'), expected('again', 'name moved')],
    '26m': [],
  })
})

test.skipIf(!promtool)('cut work raises an alert for ten minutes, also where it is the first', async () => {
  const cut = (name: string, kind: string) =>
    `periodic_flush_lease_cut_total{${pool(name)}, periodic_flush_lease_kind="${kind}"}`
  const expected = (name: string, kind: string): Expected => ({
    labels: { db_client_connection_pool_name: name, periodic_flush_lease_kind: kind },
    summary: `${name}: work was cut at its deadline (${kind}); its outcome is unknown`,
  })
  const courses = [
    { series: cut('first', 'transaction'), values: '_x59 1x100' },
    { series: cut('again', 'query'), values: '7x59 9x100' },
    { series: cut('quiet', 'query'), values: '7x160' },
  ]
  await fires('DatabaseWorkCut', courses, {
    '14m30s': [],
    '16m': [expected('first', 'transaction'), expected('again', 'query')],
    '24m': [expected('first', 'transaction'), expected('again', 'query')],
    '26m': [],
  })
})
