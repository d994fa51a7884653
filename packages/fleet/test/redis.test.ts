import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { createClient as createClient5 } from 'redis-5'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../core/test/manual-clock.ts'
import { type RedisTriggerOptions, redisTrigger } from '../src/redis.ts'
import { type BusStage, busSuite } from './bus-suite.ts'
import { RedisServer, redisInstalled } from './redis-server.ts'
import { until, WatchedClient } from './watched-client.ts'

let server: RedisServer

beforeAll(async () => {
  if (redisInstalled) server = await RedisServer.start()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const channel = 'periodic-flush'

const newest = () => createClient({ socket: { path: server.path, tls: false } })
const version5 = () => createClient5({ socket: { path: server.path, tls: false } })

const common = () => ({
  publish: (message: string) => server.publish(channel, message),
  subscribers: () => server.subscribers(channel),
  breakConnection: () => server.breakSubscribers(),
})

async function withIoRedis(): Promise<BusStage> {
  const client = new Redis({ path: server.path })
  return {
    ...common(),
    trigger: (options) => redisTrigger(client, options),
    useClient: () => client.ping(),
    end: () => client.quit(),
  }
}

async function withNodeRedis(make: typeof newest | typeof version5): Promise<BusStage> {
  const client = make()
  client.on('error', () => {})
  await client.connect()
  return {
    ...common(),
    trigger: (options?: RedisTriggerOptions) => redisTrigger(client, options),
    useClient: () => client.ping(),
    end: () => client.close(),
  }
}

busSuite('ioredis', withIoRedis, redisInstalled)
busSuite('redis', () => withNodeRedis(newest), redisInstalled)
busSuite('redis 5', () => withNodeRedis(version5), redisInstalled)

describe.skipIf(!redisInstalled)('a Redis subscription that fails', () => {
  test.each(['ioredis', 'redis'])('is told, and tried again: %s', async (kind) => {
    const { trigger, publish, end } = kind === 'ioredis' ? await withIoRedis() : await withNodeRedis(newest)
    const clock = new ManualClock()
    const client = new WatchedClient('a', clock, () => 0)
    await server.allow('none')
    try {
      const stop = trigger().start(client)
      await until(() => client.errors.length === 1)
      expect(client.errors).toMatchObject([{ message: expect.stringContaining('NOPERM') }])
      await server.allow('*')
      await clock.advance(1_000)
      await until(async () => (await server.subscribers(channel)) === 1)
      await publish('now')
      await until(() => clock.timers === 1)
      stop()
    } finally {
      await server.allow('*')
      await end()
    }
  })

  test('the end of its client is told', async () => {
    const { trigger, subscribers, end } = await withIoRedis()
    const client = new WatchedClient('a', new ManualClock())
    const stop = trigger().start(client)
    await until(async () => (await subscribers()) === 1)
    await end()
    await until(() => client.errors.length === 1)
    expect(client.errors).toMatchObject([{ message: expect.stringContaining('has ended') }])
    stop()
    expect(client.clock.timers).toBe(0)
  })
})

test.skipIf(!redisInstalled)('two channels on one connection of ioredis are two', async () => {
  const connection = new Redis({ path: server.path })
  const clock = new ManualClock()
  const [mine, other] = [new WatchedClient('mine', clock), new WatchedClient('other', clock)]
  const stops = [
    redisTrigger(connection, { channel: 'mine' }).start(mine),
    redisTrigger(connection, { channel: 'other' }).start(other),
  ]
  await until(async () => (await server.subscribers('other')) === 1)
  await server.publish('mine', 'now')
  await until(() => clock.timers === 1)
  await clock.advance(5_000)
  expect([mine.requests.length, other.requests.length]).toEqual([1, 0])
  for (const stop of stops) stop()
  await connection.quit()
})

test('anything but a Redis client, and wrong options, are refused at once', () => {
  expect(() => redisTrigger({} as never)).toThrow(
    new TypeError('Expected `client` to be a client of ioredis or redis, got an object'),
  )
  const client = new Redis({ lazyConnect: true })
  expect(() => redisTrigger(client, { subject: 'a' } as never)).toThrow(
    new TypeError('Unknown option `subject`; expected one of channel, spreadMs'),
  )
  expect(() => redisTrigger(client, { channel: '' })).toThrow(RangeError)
  expect(() => redisTrigger(client, { channel: 7 as never })).toThrow(TypeError)
  expect(() => redisTrigger(client, { spreadMs: -1 })).toThrow(
    new RangeError('Expected `spreadMs` to be a number from 0 to 2147483647, got -1'),
  )
  expect(() => redisTrigger(client, { spreadMs: Number.NaN })).toThrow(RangeError)
  expect(() => redisTrigger(client, { spreadMs: '1' as never })).toThrow(TypeError)
  expect(() => redisTrigger(client, null as never)).toThrow(TypeError)
})
