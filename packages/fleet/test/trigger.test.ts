import { expect, test } from 'vitest'
import { ManualClock, settled } from '../../core/test/manual-clock.ts'
import type { Bus, Receiver } from '../src/bus.ts'
import { FleetTrigger } from '../src/fleet-trigger.ts'
import { WatchedClient } from './watched-client.ts'

/** A bus whose every call is noted in a transcript, and whose steps do what the test says. */
class ScriptedBus implements Bus {
  readonly name = 'scripted'
  readonly transcript: string[] = []
  onSubscribe: () => unknown = () => {}
  onUnsubscribe: () => unknown = () => {}
  receiver: Receiver | undefined

  async subscribe(receiver: Receiver) {
    this.transcript.push('subscribe')
    this.receiver = receiver
    await this.onSubscribe()
    return async () => {
      this.transcript.push('unsubscribe')
      await this.onUnsubscribe()
    }
  }
}

function setUp(spreadMs = 1_000) {
  const bus = new ScriptedBus()
  const clock = new ManualClock()
  return { bus, clock, trigger: new FleetTrigger(bus, spreadMs), client: new WatchedClient('orders', clock) }
}

test('each client waits its own random part of the spread', async () => {
  const { bus, clock, trigger } = setUp()
  const clients = [0, 0.25, 0.999].map((share) => new WatchedClient('a', clock, () => share))
  for (const client of clients) trigger.start(client)
  bus.receiver?.message('now')
  const flushed = () => clients.map(({ requests }) => requests.length)
  await clock.advance(0)
  expect(flushed()).toEqual([1, 0, 0])
  await clock.advance(249)
  expect(flushed()).toEqual([1, 0, 0])
  await clock.advance(1)
  expect(flushed()).toEqual([1, 1, 0])
  await clock.advance(748)
  expect(flushed()).toEqual([1, 1, 0])
  await clock.advance(1)
  expect(flushed()).toEqual([1, 1, 1])
})

test('a command while one is waiting is the same flush; a later one is another', async () => {
  const { bus, clock, trigger, client } = setUp()
  trigger.start(client)
  bus.receiver?.message('now')
  bus.receiver?.message('')
  bus.receiver?.message('now orders')
  expect(clock.timers).toBe(1)
  await clock.advance(10_000)
  expect(client.requests).toHaveLength(1)
  bus.receiver?.message('now')
  await clock.advance(10_000)
  expect(client.requests).toHaveLength(2)
})

test.each(['', ' ', 'now', 'now\n', 'now orders', ' now  orders \n'])('%j is a command for orders', async (text) => {
  const { bus, clock, trigger, client } = setUp()
  trigger.start(client)
  bus.receiver?.message(text)
  await clock.advance(1_000)
  expect([client.requests.length, client.errors]).toEqual([1, []])
})

test.each(['now users', 'now order', 'now Orders', 'now now'])('%j is a command, but not for orders', async (text) => {
  const { bus, clock, trigger, client } = setUp()
  trigger.start(client)
  bus.receiver?.message(text)
  await clock.advance(1_000)
  expect([client.requests, client.errors]).toEqual([[], []])
})

test.each(['flush', 'NOW', 'nowhere', 'orders', '{"now":true}', '\0', undefined, null, 7, {}, Buffer.from('now')])(
  '%j is no command: it flushes nobody, and everybody is told',
  async (text) => {
    const { bus, clock, trigger, client } = setUp()
    const other = new WatchedClient('users', clock)
    trigger.start(client)
    trigger.start(other)
    bus.receiver?.message(text)
    await clock.advance(1_000)
    expect([client.requests, other.requests]).toEqual([[], []])
    expect(client.errors).toEqual([expect.any(TypeError)])
    expect(other.errors).toEqual(client.errors)
  },
)

test('what is no command is not quoted at length: it may be a secret', () => {
  const { bus, trigger, client } = setUp()
  trigger.start(client)
  bus.receiver?.message(`now${'postgres://user:secret@db'}`)
  expect(String(client.errors[0])).toBe(
    "TypeError: Expected a fleet command to be empty, 'now' or 'now NAME', got a string of 28 characters",
  )
})

test('whoever may publish can neither fill a log nor flush more than once in a turn', async () => {
  const { bus, clock, trigger, client } = setUp()
  trigger.start(client)
  for (let second = 0; second < 3; second++) {
    for (let n = 0; n < 10_000; n++) bus.receiver?.message(`NOW ${n}`)
    for (let n = 0; n < 10_000; n++) bus.receiver?.message(n % 2 === 0 ? 'now' : '')
    expect(clock.timers).toBe(1)
    await clock.advance(1_000)
  }
  expect(client.errors).toHaveLength(3)
  expect(client.requests).toHaveLength(3)
})

test('no message has another effect than its command, whatever its form and size', async () => {
  const { bus, clock, trigger, client } = setUp()
  trigger.start(client)
  const long = 'x'.repeat(1_000_000)
  const odd: unknown[] = [
    'now a client of another name',
    `now ${long}`,
    `now${' '.repeat(1_000_000)}x`,
    'now __proto__',
    'now constructor',
    '{"now":true}',
    '{"spreadMs":0}',
    'now\u0000',
    '\u001B[2Jnow',
    long,
    Buffer.from('now'),
    { toString: () => 'now' },
    ['now'],
    null,
    undefined,
    0,
    Symbol('now'),
  ]
  for (const message of odd) {
    bus.receiver?.message(message)
    await clock.advance(1_000)
  }
  expect(client.requests).toEqual([])
  for (const error of client.errors)
    expect(String(error)).toMatch(/^TypeError: Expected a fleet command[\w' ,]{1,100}$/)
  expect(client.errors.length).toBeGreaterThan(5)
})

test('a client that stops while it waits is not flushed; stopping twice is stopping once', async () => {
  const { bus, clock, trigger, client } = setUp()
  const other = new WatchedClient('other', clock)
  const stop = trigger.start(client)
  trigger.start(other)
  await settled()
  bus.receiver?.message('now')
  stop()
  stop()
  await clock.advance(1_000)
  expect([client.requests.length, other.requests.length]).toEqual([0, 1])
  expect(bus.transcript).toEqual(['subscribe'])
})

test('one subscription lasts from the first start to the last stop, and starts anew', async () => {
  const { bus, clock, trigger, client } = setUp()
  const stops = [trigger.start(client), trigger.start(new WatchedClient('other', clock))]
  await settled()
  stops[0]?.()
  await settled()
  expect(bus.transcript).toEqual(['subscribe'])
  stops[1]?.()
  await settled()
  expect(bus.transcript).toEqual(['subscribe', 'unsubscribe'])
  trigger.start(client)
  await settled()
  expect(bus.transcript).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
})

test('subscribing and unsubscribing never overlap, however the wish changes meanwhile', async () => {
  const { bus, trigger, client } = setUp()
  const steps: (() => void)[] = []
  const wait = () => new Promise<void>((resolve) => steps.push(resolve))
  bus.onSubscribe = wait
  bus.onUnsubscribe = wait
  trigger.start(client)()
  trigger.start(client)()
  await settled()
  expect(bus.transcript).toEqual(['subscribe'])
  steps.shift()?.()
  await settled()
  expect(bus.transcript).toEqual(['subscribe', 'unsubscribe'])
  const stop = trigger.start(client)
  await settled()
  expect(bus.transcript).toEqual(['subscribe', 'unsubscribe'])
  steps.shift()?.()
  await settled()
  expect(bus.transcript).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
  steps.shift()?.()
  stop()
})

test('a subscription that fails is told, and tried again with backoff until it succeeds', async () => {
  const { bus, clock, trigger } = setUp()
  const client = new WatchedClient('a', clock, () => 0)
  const other = new WatchedClient('b', clock, () => 0)
  const refused = new Error('refused')
  bus.onSubscribe = () => Promise.reject(refused)
  trigger.start(client)
  trigger.start(other)
  await settled()
  const waits: (number | undefined)[] = []
  for (let n = 0; n < 7; n++) {
    waits.push(clock.next)
    await clock.advance(clock.next ?? 0)
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  expect(client.errors).toEqual(Array(8).fill(refused))
  expect(other.errors).toEqual(client.errors)
  bus.onSubscribe = () => {}
  await clock.advance(30_000)
  expect(clock.timers).toBe(0)
  bus.receiver?.lost(new Error('gone'))
  expect(clock.next).toBe(1_000)
  expect(client.errors.at(-1)).toMatchObject({ message: 'gone' })
})

test('nothing is tried again once nobody wants it', async () => {
  const { bus, clock, trigger, client } = setUp()
  bus.onSubscribe = () => Promise.reject(new Error('refused'))
  const stop = trigger.start(client)
  await settled()
  stop()
  expect(clock.timers).toBe(0)
  await clock.advance(60_000)
  expect(bus.transcript).toEqual(['subscribe'])
})

test('a subscription that is lost while it is made, or ended, is told at most once', async () => {
  const { bus, clock, trigger, client } = setUp()
  bus.onSubscribe = () => {
    bus.receiver?.lost(new Error('gone'))
    bus.receiver?.lost(new Error('gone again'))
  }
  const stop = trigger.start(client)
  await settled()
  expect(client.errors).toMatchObject([{ message: 'gone' }])
  bus.onSubscribe = () => {}
  await clock.advance(1_000)
  expect(bus.transcript).toEqual(['subscribe', 'subscribe'])
  stop()
  bus.receiver?.lost(new Error('gone with its client'))
  expect(client.errors).toHaveLength(1)
  expect(clock.timers).toBe(0)
})

test('unsubscribing that fails disturbs nobody', async () => {
  const { bus, trigger, client } = setUp()
  bus.onUnsubscribe = () => Promise.reject(new Error('the client has ended'))
  const stop = trigger.start(client)
  await settled()
  stop()
  await settled()
  trigger.start(client)
  await settled()
  expect(bus.transcript).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
  expect(client.errors).toEqual([])
})
