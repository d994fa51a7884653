import { DiagLogLevel, diag, SpanKind } from '@opentelemetry/api'
import type { Options } from '@periodic-flush/core'
import { withPeriodicFlush } from '@periodic-flush/pg'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg, { type Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Observed } from './observed.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

const flushing = (options: Options<Pool>) =>
  withPeriodicFlush(() => new pg.Pool({ connectionString: server.url(), max: 3 }), { intervalMs: false, ...options })

/** A check that waits until it is let go. */
function gated() {
  let go = () => {}
  const gate = new Promise<void>((resolve) => (go = resolve))
  return { check: () => gate, go }
}

test('a span tells everything that the report does', async () => {
  await using observed = new Observed()
  const client = flushing({ name: 'orders' })
  const held = await client.connect()
  held.on('error', () => {})
  const report = await client.$flush({ reason: 'deploy', deadlineMs: 0, onDeadline: 'cut' })
  expect(report).toMatchObject({ cut: 1, checked: true, drained: true, stragglers: [{ kind: 'reserved' }] })
  const [span] = observed.spans.getFinishedSpans()
  expect(span?.kind).toBe(SpanKind.INTERNAL)
  expect(span?.attributes).toEqual({
    'db.client.connection.pool.name': 'orders',
    'periodic_flush.reason': 'deploy',
    'periodic_flush.generation': report.generation,
    'periodic_flush.moved': report.moved,
    'periodic_flush.checked': report.checked,
    'periodic_flush.warmed': report.warmed,
    'periodic_flush.drained': report.drained,
    'periodic_flush.cut': report.cut,
    'periodic_flush.stragglers': report.stragglers.length,
  })
  await client.end()
})

test('a span that failed tells the class of its error', async () => {
  await using observed = new Observed()
  const client = flushing({ name: 'orders', check: () => Promise.reject(new Error('refused')) })
  await client.query('select 1')
  await expect(client.$flush()).rejects.toThrow('refused')
  const [span] = observed.spans.getFinishedSpans()
  expect(span?.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'CHECK_FAILED' } }])
  await client.end()
})

test.each([
  ['another client', 'users', 'deploy', 'deploy'],
  ['another reason', 'orders', 'deploy', 'rotation'],
])('a swap is told of the flush that it is of, not of one of %s that runs too', async (_, name, first, second) => {
  await using observed = new Observed()
  const { check, go } = gated()
  const [slow, fast] = [flushing({ name: 'orders', check }), flushing({ name })]
  await slow.query('select 1')
  await fast.query('select 1')
  const flushed = slow.$flush({ reason: first })
  await fast.$flush({ reason: second })
  expect(observed.spans.getFinishedSpans().map(({ events }) => events.length)).toEqual([1])
  go()
  await flushed
  expect(observed.spans.getFinishedSpans().map(({ events }) => events.length)).toEqual([1, 1])
  for (const client of [slow, fast]) await client.end()
})

test('a flush that drains has swapped already: the next swap is that of the next', async () => {
  await using observed = new Observed()
  const client = flushing({ name: 'orders' })
  const held = await client.connect()
  const draining = client.$flush()
  await new Promise((resolve) => client.$flusher.on('swap', resolve))
  await client.$flush()
  held.release()
  await draining
  expect(observed.spans.getFinishedSpans().map(({ events }) => events.length)).toEqual([1, 1])
  await client.end()
})

test('a span ends once', async () => {
  const complaints: unknown[] = []
  const complain = (...words: unknown[]) => void complaints.push(words)
  const logger = { error: complain, warn: complain, info: () => {}, debug: () => {}, verbose: () => {} }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  try {
    const observed = new Observed()
    const client = flushing({ name: 'orders' })
    await client.query('select 1')
    await client.$flush()
    await observed[Symbol.asyncDispose]()
    await client.end()
    expect(complaints).toEqual([])
  } finally {
    diag.disable()
  }
})
