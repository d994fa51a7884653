import { withPeriodicFlush } from '@periodic-flush/postgres'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg from 'pg'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../../core/test/manual-clock.ts'
import { postgresTrigger } from '../src/postgres.ts'
import { type BusStage, busSuite } from './bus-suite.ts'
import { until, WatchedClient } from './watched-client.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

/** A database of its own for each test: a notification stays in its database. */
async function inDatabase() {
  const database = await server.createDatabase()
  return {
    url: server.url({ database }),
    publish: (message: string) =>
      server.query(message === 'now' ? 'notify periodic_flush' : `notify periodic_flush, '${message}'`, [], database),
    breakConnection: () => server.killBackends({ database }),
    /** A connection that listens shows that as its last statement. */
    async listening(): Promise<number> {
      const listens = (query: string) => /^\s*listen "?periodic_flush/i.test(query)
      return (await server.backends({ database })).filter(({ query }) => listens(query)).length
    },
  }
}

async function withClient(): Promise<BusStage & { readonly kill: () => Promise<unknown> }> {
  const { url, publish, breakConnection } = await inDatabase()
  const client = new pg.Client(url)
  await client.connect()
  return {
    publish,
    trigger: (options) => postgresTrigger(client, options),
    subscribers: async () => (await client.query('select pg_listening_channels()')).rows.length,
    breakConnection: undefined,
    kill: breakConnection,
    useClient: () => client.query('select 1'),
    end: () => client.end(),
  }
}

async function withSql<T extends Sql>(make: (url: string) => T): Promise<BusStage & { readonly sql: T }> {
  const { url, publish, breakConnection, listening } = await inDatabase()
  const sql = make(url)
  return {
    sql,
    publish,
    breakConnection,
    trigger: (options) => postgresTrigger(sql, options),
    subscribers: listening,
    useClient: () => sql`select 1`,
    end: () => sql.end(),
  }
}

const plain = (url: string) => postgres(url, { backoff: () => 0.01, onnotice: () => {} })
const flushing = (url: string) => withPeriodicFlush(() => plain(url), { intervalMs: false })

busSuite('pg.Client', withClient)
busSuite('postgres.js', () => withSql(plain))
busSuite('a flushing postgres.js', () => withSql(flushing))

test('a flushing postgres.js goes on listening over its own flushes', async () => {
  const { sql, trigger, publish, subscribers, end } = await withSql(flushing)
  const clock = new ManualClock()
  const client = new WatchedClient('a', clock)
  const stop = trigger().start(client)
  await until(async () => (await subscribers()) === 1)
  for (let flushes = 1; flushes <= 3; flushes++) {
    await sql.$flush()
    await publish('now')
    await until(() => clock.timers === 1)
    await clock.advance(5_000)
    expect(client.requests).toHaveLength(flushes)
  }
  stop()
  await end()
})

test('the end of a pg.Client is told with its reason, and ends nothing else', async () => {
  const { trigger, subscribers, kill } = await withClient()
  const client = new WatchedClient('a', new ManualClock())
  const stop = trigger().start(client)
  await until(async () => (await subscribers()) === 1)
  await kill()
  await until(() => client.errors.length === 1)
  expect(client.errors).toMatchObject([{ code: '57P01' }])
  stop()
  expect(client.clock.timers).toBe(0)
})

test('a channel with quotes in its name is one channel, and hears nothing of another', async () => {
  const connection = new pg.Client(server.url())
  await connection.connect()
  const clock = new ManualClock()
  const channel = `it's "mine"`
  const [mine, other] = [new WatchedClient('mine', clock), new WatchedClient('other', clock)]
  const stops = [
    postgresTrigger(connection, { channel }).start(mine),
    postgresTrigger(connection, { channel: 'other' }).start(other),
  ]
  await connection.query(`select pg_notify($1, 'now')`, [channel])
  await until(() => clock.timers === 1)
  await clock.advance(5_000)
  expect([mine.requests.length, other.requests.length]).toEqual([1, 0])
  expect([...mine.errors, ...other.errors]).toEqual([])
  for (const stop of stops) stop()
  await connection.end()
})

test('anything but a client that can listen, and wrong options, are refused at once', () => {
  const expected = 'Expected `client` to be a pg.Client or a postgres.js client'
  expect(() => postgresTrigger(new pg.Pool() as never)).toThrow(
    new TypeError(`${expected}, got a pool, which cannot listen`),
  )
  expect(() => postgresTrigger('postgres://localhost' as never)).toThrow(
    new TypeError(`${expected}, got a string of 20 characters`),
  )
  const client = new pg.Client()
  expect(() => postgresTrigger(client, { channel: 'ä'.repeat(32) })).toThrow(RangeError)
  expect(() => postgresTrigger(client, { subject: 'a' } as never)).toThrow(TypeError)
})
