import { expect, onTestFinished, test } from 'vitest'
import { deferred } from '../src/deferred.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, occupy, ScriptedDriver } from './scripted-driver.ts'

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

test('whoever comes later does not overtake one who waits', async () => {
  const { driver, flusher } = setUp()
  driver.max = 2
  const straggler = occupy(await flusher.acquire(holder()), 2)
  await flusher.flush({ wait: 'swapped' })
  const lease = occupy(await flusher.acquire(holder()), 1)
  const first = flusher.acquire(holder())
  // One has closed by itself: nobody has told of it yet.
  straggler.client.connections = 1
  expect(flusher.tryAcquire(holder())).toBeUndefined()
  for (const each of [straggler, lease]) each.release()
  await first
})

test('who waits for the room that a flush has taken is served as soon as that fails', async () => {
  const { driver, flusher } = setUp()
  driver.max = 2
  const straggler = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  occupy(await flusher.acquire(holder()), 1)
  const opened = deferred<void>()
  driver.onOpen = () => opened.promise
  const failed = expect(flusher.flush()).rejects.toMatchObject({ code: 'OPEN_FAILED' })
  await settled()
  const waiting = flusher.acquire(holder())
  expect(flusher.stats().waiting).toBe(1)
  opened.reject(new Error('no route'))
  await failed
  expect((await waiting).client.id).toBe(2)
  straggler.release()
})

test('who waits for an idle connection of the old client to close is served as soon as it is closed', async () => {
  const { driver, flusher } = setUp()
  driver.max = 2
  for (const lease of [occupy(await flusher.acquire(holder()), 1), occupy(await flusher.acquire(holder()), 2)]) {
    lease.release()
  }
  const shrunk = deferred<void>()
  const warm = deferred<void>()
  const shrink = driver.shrink.bind(driver)
  driver.shrink = (client, count) => shrunk.promise.then(() => shrink(client, count))
  driver.warm = () => warm.promise
  const flushed = flusher.flush({ wait: 'swapped' })
  await settled()
  const waiting = flusher.acquire(holder())
  await settled()
  expect(flusher.stats()).toMatchObject({ generation: 1, waiting: 1 })
  shrunk.resolve()
  expect((await waiting).client.id).toBe(1)
  warm.resolve()
  await flushed
})

test('whoever comes when others wait for a full client that has become too old begins its flush', async () => {
  const { clock, driver, flusher } = setUp({ maxAgeMs: 1_000 })
  driver.max = 1
  await flusher.acquire(holder())
  const first = flusher.acquire(holder())
  await clock.advance(1_001)
  expect(driver.clients).toHaveLength(1)
  void flusher.acquire(holder()).catch(() => {})
  expect((await first).client.id).toBe(2)
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

test('a report of a flush that had nothing to do says so', async () => {
  const { clock, flusher } = setUp()
  await clock.advance(5_000)
  await expect(flusher.flush({ lazy: true })).resolves.toEqual({
    ...{
      name: 'orders',
      reason: 'manual',
      generation: 0,
      replaced: undefined,
      moved: false,
      checked: false,
      warmed: 0,
    },
    ...{ drained: true, cut: 0, stragglers: [], swapMs: 0, durationMs: 0 },
  })
})

test('a report says whether the fresh client was checked, and how many connections it had then', async () => {
  const { driver, flusher } = setUp()
  driver.check = async (client) => {
    client.connections = 2
  }
  ;(await flusher.acquire(holder())).release()
  await expect(flusher.flush()).resolves.toMatchObject({ checked: true, warmed: 2 })
  await expect(flusher.flush({ lazy: true })).resolves.toMatchObject({ checked: false, warmed: 0 })
  const unchecked = setUp({ check: false }).flusher
  await expect(unchecked.flush()).resolves.toMatchObject({ checked: false, warmed: 0 })
})

test('what core has asked a client to open counts as long as nobody tells better', async () => {
  const { driver, flusher } = setUp()
  await flusher.flush()
  for (const client of driver.clients) client.connections = 0
  expect(flusher.stats().connections).toBe(0)
  const silent = setUp({}, Object.assign(new ScriptedDriver(), { connections: undefined })).flusher
  await silent.flush()
  expect(silent.stats().connections).toBe(1)
})

function setUp(options: Options<FakeClient> = {}, driver = new ScriptedDriver()) {
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: false, name: 'orders', ...options }, { clock })
  const told: unknown[] = []
  flusher.on('waiting', (event) => told.push(event))
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher, told }
}
