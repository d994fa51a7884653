import { channel } from 'node:diagnostics_channel'
import { context, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Options } from '@periodic-flush/core'
import { type FlushingPool, withPeriodicFlush } from '@periodic-flush/pg'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg, { type Pool } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { observe } from '../src/index.ts'
import { Collected } from './collected.ts'

const name = 'orders'
const pooled = { 'db.client.connection.pool.name': name }

let server: PostgresServer
let collected: Collected
let spans: InMemorySpanExporter
let tracerProvider: BasicTracerProvider
let end: () => void
const pools: FlushingPool[] = []

beforeAll(async () => {
  server = await startPostgres()
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterAll(async () => {
  context.disable()
  await server.stop()
})
beforeEach(() => {
  collected = new Collected()
  spans = new InMemorySpanExporter()
  tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  end = observe({ meterProvider: collected.provider, tracerProvider })
})
afterEach(async () => {
  end()
  await Promise.all(pools.splice(0).map((pool) => pool.$flusher.close({ deadlineMs: 0 })))
  await collected.provider.shutdown()
  await tracerProvider.shutdown()
})

function flushing(options: Options<Pool> = {}): FlushingPool {
  const make = () => new pg.Pool({ connectionString: server.url(), max: 3 })
  const pool = withPeriodicFlush(make, { intervalMs: false, name, ...options })
  pools.push(pool)
  return pool
}

test('tells how the connections of all generations stand, under the names of the semantic conventions', async () => {
  const pool = flushing()
  const busy = await pool.connect()
  await busy.query('select 1')
  await pool.$flush({ wait: 'swapped' })
  const other = flushing()
  await other.query('select 1')
  const state = (value: string) => ({ ...pooled, 'db.client.connection.state': value })
  // One is checked out of the old generation; the fresh one and that of the other pool of this name are idle.
  expect(await collected.points('db.client.connection.count')).toEqual([
    { attributes: state('used'), value: 1 },
    { attributes: state('idle'), value: pool.$flusher.stats().connections + 1 },
  ])
  expect(await collected.points('db.client.connection.max')).toEqual([{ attributes: pooled, value: 6 }])
  expect(await collected.points('periodic_flush.generation.retiring')).toEqual([{ attributes: pooled, value: 1 }])
  expect(await collected.points('periodic_flush.generation.age')).toEqual([
    { attributes: pooled, value: expect.closeTo((pool.$flusher.stats().ageMs ?? Number.NaN) / 1000, 0) },
  ])
  busy.release()
})

test('tells how many callers wait', async () => {
  const pool = flushing()
  const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
  const waiting = [pool.query('select 1'), pool.query('select 1')]
  const pending = 'db.client.connection.pending_requests'
  expect(await collected.points(pending)).toEqual([{ attributes: pooled, value: 2 }])
  for (const client of clients) client.release()
  await Promise.all(waiting)
  expect(await collected.points(pending)).toEqual([{ attributes: pooled, value: 0 }])
})

test('measures a flush, the leases at its swap, what it cut and how old the generation became', async () => {
  const pool = flushing()
  const client = await pool.connect()
  client.on('error', () => {})
  await client.query('begin')
  await pool.$flush({ reason: 'deploy', deadlineMs: 0, onDeadline: 'cut' })
  const attributes = { ...pooled, 'periodic_flush.reason': 'deploy' }
  expect(await collected.points('periodic_flush.flush.duration')).toEqual([
    { attributes, value: expect.objectContaining({ count: 1 }) },
  ])
  expect(await collected.points('periodic_flush.swap.leases')).toEqual([
    {
      attributes: { ...attributes, 'periodic_flush.moved': false },
      value: expect.objectContaining({ count: 1, sum: 1 }),
    },
  ])
  expect(await collected.points('periodic_flush.lease.cut')).toEqual([
    { attributes: { ...pooled, 'periodic_flush.lease.kind': 'transaction' }, value: 1 },
  ])
  expect(await collected.points('periodic_flush.generation.lifetime')).toEqual([
    { attributes: pooled, value: expect.objectContaining({ count: 1 }) },
  ])
  expect(await collected.points('periodic_flush.flush.failed')).toEqual([])
})

test('counts failed flushes by reason, and says which step failed', async () => {
  const refuse = () => {
    throw new Error(`refused by ${server.url()}`)
  }
  const pool = flushing({ check: refuse })
  await pool.query('select 1')
  await expect(pool.$flush({ reason: 'deploy' })).rejects.toThrow()
  const attributes = { ...pooled, 'periodic_flush.reason': 'deploy', 'error.type': 'CHECK_FAILED' }
  expect(await collected.points('periodic_flush.flush.failed')).toEqual([{ attributes, value: 1 }])
  expect(await collected.points('periodic_flush.flush.duration')).toEqual([
    { attributes, value: expect.objectContaining({ count: 1 }) },
  ])
  expect(await collected.points('periodic_flush.failed')).toEqual([
    { attributes: { ...attributes, 'periodic_flush.step': 'check' }, value: 1 },
  ])
  expect(await collected.points('periodic_flush.swap.leases')).toEqual([])
  const [span] = spans.getFinishedSpans()
  expect(span).toMatchObject({ name: 'flush orders', status: { code: SpanStatusCode.ERROR }, attributes })
  expect(JSON.stringify(span?.events)).toMatch(/refused by postgres(ql)?:\/\/\*\*\*@/)
})

test('makes a flush a span below the one that was active when it was asked for', async () => {
  const pool = flushing()
  await pool.query('select 1')
  const report = await tracerProvider.getTracer('test').startActiveSpan('request', async (span) => {
    const flushed = await pool.$flush({ reason: 'deploy' })
    span.end()
    return flushed
  })
  const [flush, request] = spans.getFinishedSpans()
  expect(flush?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(flush?.events).toMatchObject([{ name: 'swap' }])
  expect(flush).toMatchObject({
    name: 'flush orders',
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      ...pooled,
      'periodic_flush.reason': 'deploy',
      'periodic_flush.generation': report.generation,
      'periodic_flush.drained': true,
      'periodic_flush.moved': false,
    },
  })
})

const channels = ['swap', 'retired', 'cut', 'failed', 'waiting', 'listen-gap'].map((event) => `periodic-flush:${event}`)
const phases = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(
  (phase) => `tracing:periodic-flush:flush:${phase}`,
)
const listened = () => [...channels, ...phases].filter((path) => channel(path).hasSubscribers)

test('leaves nothing behind once it is ended: no subscriber, no callback, no open span', async () => {
  const pool = flushing()
  const busy = await pool.connect()
  const flushed = pool.$flush()
  await new Promise((resolve) => pool.$flusher.on('swap', resolve))
  expect(listened()).toEqual([...channels, phases[0], phases[3]])
  end()
  end()
  expect(listened()).toEqual([])
  expect(spans.getFinishedSpans()).toMatchObject([{ name: 'flush orders' }])
  busy.release()
  await flushed
  await pool.$flush()
  expect(spans.getFinishedSpans()).toHaveLength(1)
  expect(await collected.points('db.client.connection.count')).toEqual([])
  expect(await collected.points('periodic_flush.flush.duration')).toEqual([])
})

test('refuses what is no provider', () => {
  expect(() => observe({ meterProvider: {} as never })).toThrow(
    new TypeError('Expected `meterProvider` to be an object with a method getMeter, got an object'),
  )
  expect(() => observe({ tracer: 1 } as never)).toThrow(
    'Unknown option `tracer`; expected one of meterProvider, tracer',
  )
  expect(() => observe(null as never)).toThrow('Expected options of observe to be an object, got null')
})
