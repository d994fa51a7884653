import { expect, onTestFinished, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { holder, occupy, ScriptedDriver } from './scripted-driver.ts'

test('who waits for the first client to open, as without us, is not told of', async () => {
  const { flusher, told } = setUp()
  await Promise.all([flusher.acquire(holder()), flusher.acquire(holder())])
  expect(told).toEqual([])
})

test('who waits since a client is full, as in any pool, is not told of', async () => {
  const { driver, flusher, told } = setUp()
  driver.max = 1
  const busy = await flusher.acquire(holder())
  const next = flusher.acquire(holder())
  await settled()
  expect(told).toEqual([])
  busy.release()
  await next
})

test('who waits while two generations overlap is', async () => {
  const { driver, flusher, told } = setUp()
  driver.max = 1
  const straggler = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  const lease = occupy(await flusher.acquire(holder()), 1)
  const next = flusher.acquire(holder())
  await settled()
  expect(told).toEqual([{ name: 'orders', waiting: 1 }])
  for (const each of [lease, straggler]) each.release()
  await next
})

test('who waits for a hold is, once for each spell', async () => {
  const { flusher, told } = setUp()
  for (const spells of [1, 2]) {
    const running = await flusher.acquire(holder())
    const held = flusher.hold()
    const late = [flusher.acquire(holder()), flusher.acquire(holder())]
    await settled()
    expect(told).toEqual(Array.from({ length: spells }, () => ({ name: 'orders', waiting: 1 })))
    running.release()
    await held
    for (const lease of await Promise.all(late)) lease.release()
  }
})

test('a report says how long the flush took, to its end and to the swap', async () => {
  const { clock, flusher } = setUp()
  await clock.advance(5_000)
  const straggler = await flusher.acquire(holder())
  await clock.advance(5_000)
  const drained = flusher.flush()
  await settled()
  await clock.advance(300)
  straggler.release()
  await expect(drained).resolves.toMatchObject({ durationMs: 300 })
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ durationMs: 0 })
  await expect(flusher.flush({ lazy: true, wait: 'swapped' })).resolves.toMatchObject({ durationMs: 0 })
})

function setUp() {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false, name: 'orders' }, { clock })
  const told: unknown[] = []
  flusher.on('waiting', (event) => told.push(event))
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher, told }
}
