import { connect as connect3 } from '@nats-io/transport-node'
import { gate } from '@periodic-flush/testing'
import { connect } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../core/test/manual-clock.ts'
import { natsTrigger } from '../src/nats.ts'
import { type BusStage, busSuite } from './bus-suite.ts'
import { NatsServer, natsInstalled } from './nats-server.ts'
import { until, WatchedClient } from './watched-client.ts'

let server: NatsServer

beforeAll(async () => {
  if (natsInstalled) server = await NatsServer.start()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const subject = 'periodic-flush'

async function withNats(connectTo: typeof connect | typeof connect3): Promise<BusStage> {
  const entrance = await gate(server)
  const connection = await connectTo({ servers: `${entrance.host}:${entrance.port}`, reconnectTimeWait: 10 })
  return {
    trigger: (options) => natsTrigger(connection, options),
    publish: (message) => server.publish(subject, message),
    subscribers: () => server.subscribers(subject),
    breakConnection: () => entrance.reset(),
    useClient: () => connection.flush(),
    async end() {
      await connection.close()
      await entrance.close()
    },
  }
}

busSuite('nats', () => withNats(connect), natsInstalled)
busSuite('@nats-io/transport-node', () => withNats(connect3), natsInstalled)

describe.skipIf(!natsInstalled)('a NATS subscription', () => {
  test.each([
    ['nats', connect],
    ['@nats-io/transport-node', connect3],
  ])('that ends with its connection, or cannot be made, is told: %s', async (_, connectTo) => {
    const { trigger, subscribers, end } = await withNats(connectTo)
    const clock = new ManualClock()
    const client = new WatchedClient('a', clock, () => 0)
    const stop = trigger().start(client)
    await until(async () => (await subscribers()) === 1)
    await end()
    await until(() => client.errors.length === 1)
    await clock.advance(1_000)
    expect(client.errors).toHaveLength(2)
    await clock.advance(1_999)
    expect(client.errors).toHaveLength(2)
    await clock.advance(1)
    expect(client.errors).toHaveLength(3)
    stop()
    expect(clock.timers).toBe(0)
  })
})

test('anything but a NATS connection, and wrong options, are refused at once', () => {
  expect(() => natsTrigger({} as never)).toThrow(
    new TypeError('Expected `connection` to be a connection of nats, got an object'),
  )
  const connection = { subscribe: () => ({ unsubscribe() {}, closed: Promise.resolve() }), drain() {} }
  expect(() => natsTrigger(connection, { channel: 'a' } as never)).toThrow(
    new TypeError('Unknown option `channel`; expected one of subject, spreadMs'),
  )
})
