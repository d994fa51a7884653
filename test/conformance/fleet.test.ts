import { afterAll, beforeAll, expect } from 'vitest'
import { behaviour } from './behaviour.ts'
import { buses, type RunningBus } from './buses.ts'
import { eventually } from './eventually.ts'

/** One of each kind, which all clients share. */
const running = new Map<string, RunningBus>()

beforeAll(async () => {
  for (const bus of buses) if (bus.installed) running.set(bus.name, await bus.start())
})
afterAll(async () => {
  for (const bus of running.values()) await bus[Symbol.asyncDispose]()
})

behaviour('fleet', (stage) => {
  for (const { name, installed } of buses) {
    if (!installed) continue
    stage.test(`a command on ${name} flushes it, and its end unsubscribes`, async () => {
      const bus = running.get(name)
      if (bus === undefined) throw new Error('the buses are started before the tests run')
      const { url } = await stage.database()
      const client = stage.open({ url: () => url, options: { triggers: [bus.trigger()], minGapMs: 0 } })
      const reasons: string[] = []
      const failures: unknown[] = []
      client.$flusher.on('swap', ({ reason }) => reasons.push(reason))
      client.$flusher.on('failed', (failure) => failures.push(failure))
      const subscribers = (count: number) =>
        eventually(
          () => bus.subscribers(),
          (now) => now === count,
        )
      await client.value('select 1')
      await subscribers(1)
      await bus.publish(`now ${client.$flusher.name}`)
      await eventually(
        () => reasons,
        (all) => all.length > 0,
      )
      await expect(client.value('select 1')).resolves.toBeOneOf([1, 1n])
      await bus.publish('now')
      await eventually(
        () => reasons,
        (all) => all.length > 1,
      )
      expect(client.$flusher.stats().generation).toBe(3)
      await client.end()
      await subscribers(0)
      expect([reasons, failures]).toEqual([['fleet command', 'fleet command'], []])
    })
  }
})
