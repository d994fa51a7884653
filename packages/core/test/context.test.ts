import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import { closeBy, ManualClock } from './manual-clock.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

const storage = new AsyncLocalStorage<string>()

function setUp() {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  driver.max = 1
  const flusher = createFlusher(driver, { intervalMs: false }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, flusher }
}

test('work runs in the asynchronous context of its caller: the first, and those who waited for another', async () => {
  const { flusher } = setUp()
  const work = async () => storage.getStore()
  const asked = ['a', 'b', 'c'].map((name) => storage.run(name, () => flusher.run('query', work)))
  expect(await Promise.all(asked)).toEqual(['a', 'b', 'c'])
})

test('a caller without a promise is started, and failed, in the context in which it began to wait', async () => {
  const { flusher, clock } = setUp()
  const busy = await flusher.acquire(holder())
  const told: unknown[] = []
  const caller = {
    start: (lease: { release(): void }) => {
      told.push(`start ${storage.getStore()}`)
      lease.release()
    },
    fail: () => told.push(`fail ${storage.getStore()}`),
  }
  storage.run('patient', () => flusher.acquireFor(holder(), caller))
  storage.run('impatient', () => flusher.acquireFor(holder(), caller, { timeoutMs: 10 }))
  await storage.run('clock', () => clock.advance(10))
  storage.run('releaser', () => busy.release())
  expect(told).toEqual(['fail impatient', 'start patient'])
})
