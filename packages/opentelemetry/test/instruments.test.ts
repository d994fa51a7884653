import { metrics, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { createFlusher, type Driver, type FlusherEvents, type Options, type Watched } from '@periodic-flush/core'
import { withPeriodicFlush } from '@periodic-flush/pg'
import { withPeriodicFlush as withFlushingSql } from '@periodic-flush/postgres'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg, { type Pool } from 'pg'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from '../../fleet/test/watched-client.ts'
import { observe } from '../src/index.ts'
import { Collected } from './collected.ts'
import { Observed } from './observed.ts'

const name = 'orders'
const pooled = { 'db.client.connection.pool.name': name }

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

const left: { close(options: { deadlineMs: number }): Promise<unknown> }[] = []
afterEach(() => Promise.all(left.splice(0).map((flusher) => flusher.close({ deadlineMs: 0 }))))

/** Closed after its test, however that went. */
function closed<T extends { readonly $flusher: (typeof left)[number] }>(client: T): T {
  left.push(client.$flusher)
  return client
}

const pool = () => new pg.Pool({ connectionString: server.url(), max: 3 })
const flushing = (options: Options<Pool> = {}) =>
  closed(withPeriodicFlush(pool, { intervalMs: false, name, ...options }))
const reluctant = (opening?: Promise<unknown>) => {
  const flusher = createFlusher(reticent(opening), { intervalMs: false, name })
  left.push(flusher)
  return flusher
}

/** A driver that tells neither limit nor connections, and opens when it may. */
const reticent = (opening: Promise<unknown> = Promise.resolve()): Driver<Pool> => ({
  name,
  open: async () => {
    await opening
    return pool()
  },
  check: async (client) => void (await client.query('select 1')),
  close: (client) => client.end(),
  cut: (client) => void client.end(),
})

/** The value of the only point of a metric. */
async function only(collected: Collected, metric: string): Promise<unknown> {
  const points = await collected.points(metric)
  expect(points).toMatchObject([{ attributes: pooled }])
  return points[0]?.value
}

test('clients of one name are added up, and the oldest of them tells the age', async () => {
  await using observed = new Observed()
  const { points } = observed.metrics
  const [older, younger] = [flushing(), flushing()]
  const held = [await older.connect(), await younger.connect()]
  for (const client of [older, younger]) await client.$flush({ wait: 'swapped' })
  const busy = await Promise.all([older, younger].flatMap((client) => [1, 2, 3].map(() => client.connect())))
  const waiting = [older.query('select 1'), younger.query('select 1')]
  expect(await points('db.client.connection.max')).toEqual([{ attributes: pooled, value: 6 }])
  expect(await points('db.client.connection.pending_requests')).toEqual([{ attributes: pooled, value: 2 }])
  expect(await points('periodic_flush.generation.retiring')).toEqual([{ attributes: pooled, value: 2 }])
  const used = { ...pooled, 'db.client.connection.state': 'used' }
  expect(await points('db.client.connection.count')).toContainEqual({ attributes: used, value: 8 })
  const age = () => (older.$flusher.stats().ageMs ?? Number.NaN) / 1000
  const before = age()
  const told = await only(observed.metrics, 'periodic_flush.generation.age')
  expect(told).toBeGreaterThanOrEqual(before)
  expect(told).toBeLessThanOrEqual(age())
  for (const client of [...held, ...busy]) client.release()
  await Promise.all(waiting)
  for (const client of [older, younger]) await client.end()
})

test('a client that does not tell its limit takes none away from others, and shows none of its own', async () => {
  await using observed = new Observed()
  const untold = reluctant()
  await untold.run('query', (client) => client.query('select 1'))
  expect(await observed.metrics.points('db.client.connection.max')).toEqual([])
  await flushing().query('select 1')
  const another = reluctant()
  await another.run('query', (client) => client.query('select 1'))
  expect(await only(observed.metrics, 'db.client.connection.max')).toBe(3)
})

test('a client that opens has no age, and nobody is counted as waiting for a flush', async () => {
  await using observed = new Observed()
  let open = () => {}
  const flusher = reluctant(new Promise<void>((resolve) => (open = resolve)))
  const asked = [1, 2].map(() => flusher.run('query', (client) => client.query('select 1')))
  expect(await observed.metrics.points('periodic_flush.generation.age')).toEqual([])
  expect(await observed.metrics.points('periodic_flush.waiting')).toEqual([])
  open()
  await Promise.all(asked)
})

test('those who wait while old and new may not mix are counted, once for all', async () => {
  await using observed = new Observed()
  const client = flushing()
  const running = await client.connect()
  const held = client.$flusher.hold()
  const asked = [1, 2].map(() => client.query('select 1'))
  expect(await only(observed.metrics, 'periodic_flush.waiting')).toBe(1)
  running.release()
  await Promise.all([held, ...asked])
})

test('a client that was closed is shown at zero from then on', async () => {
  await using observed = new Observed()
  const { points } = observed.metrics
  const client = flushing()
  await client.query('select 1')
  expect(await only(observed.metrics, 'db.client.connection.max')).toBe(3)
  await client.end()
  const state = (value: string) => ({ ...pooled, 'db.client.connection.state': value })
  for (const _ of [1, 2]) {
    expect(await points('db.client.connection.count')).toEqual([
      { attributes: state('used'), value: 0 },
      { attributes: state('idle'), value: 0 },
    ])
    expect(await only(observed.metrics, 'db.client.connection.max')).toBe(0)
    expect(await only(observed.metrics, 'periodic_flush.generation.age')).toBe(0)
  }
})

test('an age stays known while another client of its name opens', async () => {
  await using observed = new Observed()
  const known = flushing()
  await known.query('select 1')
  let open = () => {}
  const flusher = reluctant(new Promise<void>((resolve) => (open = resolve)))
  const asked = flusher.run('query', (client) => client.query('select 1'))
  expect(await only(observed.metrics, 'periodic_flush.generation.age')).toBeGreaterThan(0)
  open()
  await asked
})

test('statements that share a connection are one that is used', async () => {
  await using observed = new Observed()
  const lock = new pg.Client(server.url())
  await lock.connect()
  await lock.query('select pg_advisory_lock(1)')
  const sql = closed(withFlushingSql(() => postgres(server.url(), { max: 1 }), { intervalMs: false, name }))
  const statements = [1, 2, 3].map(() => sql`select pg_advisory_lock_shared(1)::text`.execute())
  await until(() => sql.$flusher.stats().connections === 1)
  expect(sql.$flusher.stats().leases).toBe(3)
  const state = (value: string) => ({ ...pooled, 'db.client.connection.state': value })
  expect(await observed.metrics.points('db.client.connection.count')).toEqual([
    { attributes: state('used'), value: 1 },
    { attributes: state('idle'), value: 0 },
  ])
  await lock.end()
  await Promise.all(statements)
  await sql.end()
})

interface Histogram {
  readonly count: number
  readonly sum: number
  readonly buckets: { readonly boundaries: readonly number[] }
}

test('durations are seconds, in buckets that tell a fast flush from one at its deadline', async () => {
  await using observed = new Observed()
  const client = flushing()
  await client.query('select 1')
  const retired = new Promise<FlusherEvents['retired']>((resolve) => client.$flusher.on('retired', resolve))
  const begun = performance.now()
  await client.$flush()
  const elapsed = (performance.now() - begun) / 1000
  const duration = (await only(observed.metrics, 'periodic_flush.flush.duration')) as Histogram
  expect(duration.sum).toBeGreaterThan(0)
  expect(duration.sum).toBeLessThanOrEqual(elapsed)
  expect(duration.buckets.boundaries).toEqual([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60])
  const lifetime = (await only(observed.metrics, 'periodic_flush.generation.lifetime')) as Histogram
  expect(lifetime.sum).toBe((await retired).ageMs / 1000)
  expect(lifetime.buckets.boundaries).toEqual([1, 5, 15, 30, 45, 60, 120, 300, 600, 1800, 3600])
  const leases = (await only(observed.metrics, 'periodic_flush.swap.leases')) as Histogram
  expect(leases.buckets.boundaries).toEqual([0, 1, 2, 5, 10, 20, 50, 100, 200])
  await client.end()
})

test('every lease that was cut is counted, by its kind', async () => {
  await using observed = new Observed()
  const client = flushing()
  const held = await Promise.all([client.connect(), client.connect()])
  for (const connection of held) connection.on('error', () => {})
  await client.$flush({ deadlineMs: 0, onDeadline: 'cut' })
  const attributes = { ...pooled, 'periodic_flush.lease.kind': 'reserved' }
  expect(await observed.metrics.points('periodic_flush.lease.cut')).toEqual([{ attributes, value: 2 }])
  await client.end()
})

test('an error is called by our code, the driver’s, or its class', async () => {
  await using observed = new Observed()
  let watched: Watched | undefined
  const start = (it: Watched) => {
    watched = it
    return () => {}
  }
  const client = flushing({ triggers: [{ name: 'bus', start }] })
  await client.query('select 1')
  for (const error of [Object.assign(new Error('lost'), { code: 'ECONNRESET' }), new RangeError('far'), 'no error']) {
    watched?.failed(error)
  }
  const attributes = (type: string) => ({
    ...pooled,
    'periodic_flush.reason': 'bus',
    'periodic_flush.step': 'trigger',
    'error.type': type,
  })
  expect(await observed.metrics.points('periodic_flush.failed')).toEqual(
    ['ECONNRESET', 'RangeError', '_OTHER'].map((type) => ({ attributes: attributes(type), value: 1 })),
  )
  await client.end()
})

test('a gap in which notifications may have been lost is counted', async () => {
  await using observed = new Observed()
  const database = await server.createDatabase()
  const make = () => postgres(server.url({ database }), { backoff: () => 0.01 })
  const sql = closed(withFlushingSql(make, { intervalMs: false, name }))
  await sql.listen('news', () => {})
  const gap = new Promise((resolve) => sql.$flusher.on('listen-gap', resolve))
  await server.killBackends({ database })
  await gap
  expect(await only(observed.metrics, 'periodic_flush.listen.gap')).toBe(1)
  await sql.end()
})

test('without options, metrics and spans go to the providers that are registered', async () => {
  const collected = new Collected()
  const spans = new InMemorySpanExporter()
  metrics.setGlobalMeterProvider(collected.provider)
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  const end = observe()
  try {
    const client = flushing()
    await client.query('select 1')
    await client.$flush()
    expect(await collected.points('periodic_flush.flush.duration')).toHaveLength(1)
    expect(spans.getFinishedSpans()).toMatchObject([{ name: 'flush orders' }])
    await client.end()
  } finally {
    end()
    metrics.disable()
    trace.disable()
  }
})
