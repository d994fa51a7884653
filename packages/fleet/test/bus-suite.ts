import type { Trigger } from '@periodic-flush/core'
import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../core/test/manual-clock.ts'
import { until, WatchedClient } from './watched-client.ts'

/** One kind of client on a real server. */
export interface BusStage {
  /** A trigger on the same client at each call. */
  trigger(options?: { readonly spreadMs?: number }): Trigger
  publish(message: string): Promise<unknown>
  /** How many subscriptions the server has. */
  subscribers(): Promise<number>
  /** Breaks the client's connection; undefined where the client does not connect anew. */
  readonly breakConnection: (() => Promise<unknown>) | undefined
  /** Fails if the client is not usable any more. */
  useClient(): Promise<unknown>
  end(): Promise<unknown>
}

/** What holds on every bus. */
export function busSuite(name: string, open: () => Promise<BusStage>, runs = true): void {
  describe.skipIf(!runs)(name, () => {
    let stage: BusStage | undefined
    afterEach(() => stage?.end())
    const opened = async (): Promise<BusStage> => {
      stage = await open()
      return stage
    }
    const subscribed = (count: number) => until(async () => (await stage?.subscribers()) === count)

    test('one command flushes each client that shares the trigger, over one subscription', async () => {
      const { trigger, publish, subscribers } = await opened()
      const clock = new ManualClock()
      const [early, late] = [new WatchedClient('a', clock, () => 0.1), new WatchedClient('b', clock, () => 0.9)]
      const shared = trigger({ spreadMs: 1_000 })
      const stops = [shared.start(early), shared.start(late)]
      await subscribed(1)
      await publish('now')
      await until(() => clock.timers === 2)
      await clock.advance(100)
      expect([early.requests, late.requests]).toEqual([[{ reason: 'fleet command' }], []])
      await clock.advance(800)
      expect([early.requests, late.requests]).toEqual([[{ reason: 'fleet command' }], [{ reason: 'fleet command' }]])
      expect(await subscribers()).toBe(1)
      for (const stop of stops) stop()
    })

    test('a message for a name flushes clients of that name; one that is no command flushes nobody', async () => {
      const { trigger, publish } = await opened()
      const clock = new ManualClock()
      const [orders, users] = [new WatchedClient('orders', clock), new WatchedClient('users', clock)]
      const shared = trigger()
      const stops = [shared.start(orders), shared.start(users)]
      await subscribed(1)
      await publish('nowhere')
      await publish('now orders')
      await until(() => clock.timers === 1)
      await clock.advance(5_000)
      expect([orders.requests.length, users.requests.length]).toEqual([1, 0])
      expect(orders.errors).toMatchObject([{ message: expect.stringContaining("got 'nowhere'") }])
      expect(users.errors).toHaveLength(1)
      for (const stop of stops) stop()
    })

    test('it unsubscribes after the last stop, leaves the client to its owner, and starts again', async () => {
      const { trigger, publish, useClient } = await opened()
      const clock = new ManualClock()
      const shared = trigger()
      const stops = [shared.start(new WatchedClient('a', clock)), shared.start(new WatchedClient('b', clock))]
      await subscribed(1)
      stops[0]?.()
      await publish('now')
      await until(() => clock.timers === 1)
      stops[1]?.()
      expect(clock.timers).toBe(0)
      await subscribed(0)
      await useClient()
      const again = new WatchedClient('c', clock)
      const stop = shared.start(again)
      await subscribed(1)
      await publish('now')
      await until(() => clock.timers === 1)
      stop()
      expect(again.errors).toEqual([])
    })

    test('two triggers on one client do not end each other’s subscription', async () => {
      const { trigger, publish, useClient } = await opened()
      const clock = new ManualClock()
      const [one, two] = [new WatchedClient('one', clock), new WatchedClient('two', clock)]
      const stops = [trigger().start(one)]
      await subscribed(1)
      stops.push(trigger().start(two))
      await useClient()
      await publish('now')
      await until(() => clock.timers === 2)
      stops[0]?.()
      expect(clock.timers).toBe(1)
      await clock.advance(5_000)
      expect(two.requests).toHaveLength(1)
      // What the first one sent to unsubscribe, if anything, is done before this.
      await useClient()
      await publish('now')
      await until(() => clock.timers === 1)
      stops[1]?.()
      await subscribed(0)
    })

    test('it goes on after a lost connection', async ({ skip }) => {
      const { trigger, publish, breakConnection } = await opened()
      if (breakConnection === undefined) return skip('this client does not connect anew')
      const clock = new ManualClock()
      const client = new WatchedClient('a', clock)
      const stop = trigger().start(client)
      await subscribed(1)
      await breakConnection()
      await until(async () => {
        await publish('now')
        return clock.timers === 1
      })
      await clock.advance(5_000)
      expect(client.requests).not.toEqual([])
      expect(client.errors).toEqual([])
      stop()
    })
  })
}
