import { expect, onTestFinished, test } from 'vitest'
import { wakefulNow } from '../src/clock.ts'
import { createFlusher, type Flusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import { startPeriodicFlush } from '../src/periodic-flush.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, ScriptedDriver } from './scripted-driver.ts'

test('after a sleep longer than the interval, the first callers wait for one flush, whatever wakes first', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: 30_000 })
  clock.sleep(60_000)
  const first = flusher.acquire(holder())
  const second = flusher.acquire(holder())
  expect(flusher.stats().waiting).toBe(2)
  expect((await first).client.id).toBe(2)
  expect((await second).client.id).toBe(2)
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1'])
  expect((await flusher.acquire(holder())).client.id).toBe(2)
})

test('where the late timer fires first, callers wait for its flush', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: 30_000 })
  const reasons: string[] = []
  flusher.on('swap', ({ reason }) => reasons.push(reason))
  const stuck = await flusher.acquire(holder())
  clock.sleep(60_000)
  let opened = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
  await clock.advance(0)
  const lease = flusher.acquire(holder())
  expect(flusher.stats().waiting).toBe(1)
  driver.onOpen = () => {}
  opened()
  expect((await lease).client.id).toBe(2)
  await settled()
  expect(driver.clients).toHaveLength(2)
  expect(reasons).toEqual(['woke up, interval'])
  stuck.release()
})

test('those who come while that flush opens wait for the same one', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: false, maxAgeMs: 10_000 })
  clock.sleep(20_000)
  let opened = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
  const first = flusher.acquire(holder())
  await settled()
  const second = flusher.acquire(holder())
  driver.onOpen = () => {}
  opened()
  expect((await first).client.id).toBe(2)
  expect((await second).client.id).toBe(2)
  await settled()
  expect(driver.clients).toHaveLength(2)
})

test('those who wait for a connection when the client becomes too old are served after the flush', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: false, maxAgeMs: 10_000 })
  driver.max = 1
  const busy = await flusher.flush({ wait: 'swapped' }).then(() => flusher.acquire(holder()))
  const waiting = flusher.acquire(holder())
  await settled()
  clock.sleep(20_000)
  busy.release()
  expect((await waiting).client.id).toBe(3)
})

test('whoever distrusts a client flushes it: at once where it is in use, else with its next use', async () => {
  const { driver, flusher } = await setUp({ intervalMs: false })
  flusher.distrust('resumed')
  await settled()
  expect(driver.clients).toHaveLength(1)
  const lease = await flusher.acquire(holder())
  expect(lease.client.id).toBe(2)
  flusher.distrust('resumed')
  await settled()
  expect(flusher.stats().generation).toBe(3)
})

test('a client that is distrusted and that nobody uses is left alone, whatever else comes to its end', async () => {
  const { driver, flusher } = await setUp({ intervalMs: false })
  const straggler = await flusher.acquire(holder())
  await flusher.flush({ wait: 'swapped' })
  flusher.distrust('resumed')
  straggler.release()
  await settled()
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1'])
})

test('a flush for those who wait keeps the process alive until they are served', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: false, maxAgeMs: 10_000 })
  clock.sleep(10_001)
  let checked = () => {}
  driver.onCheck = () => new Promise<void>((resolve) => (checked = resolve))
  const waiting = flusher.acquire(holder())
  await settled()
  expect(clock.held).toBe(1)
  checked()
  await waiting
  await settled()
  expect(clock.held).toBe(0)
})

test('a timer that is merely late wakes nobody', async () => {
  const { clock, flusher } = await setUp({ intervalMs: 30_000 })
  clock.sleep(30_900)
  const lease = flusher.tryAcquire(holder())
  expect(lease?.client.id).toBe(1)
})

test('where no fresh client can be opened after a sleep, the old one serves on', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: 30_000 })
  clock.sleep(60_000)
  driver.onOpen = () => Promise.reject(new Error('no route'))
  expect((await flusher.acquire(holder())).client.id).toBe(1)
})

test('a flush that takes its time is no sleep: the old client serves meanwhile', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: 30_000 })
  driver.onCheck = () => new Promise(() => {})
  ;(await flusher.acquire(holder())).release()
  await clock.advance(30_000)
  await clock.advance(4_000)
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2'])
  expect(flusher.tryAcquire(holder())?.client.id).toBe(1)
})

test('nor is one that takes several intervals', async () => {
  const { clock, driver, flusher } = await setUp({ intervalMs: 1_000 })
  driver.onCheck = () => new Promise(() => {})
  ;(await flusher.acquire(holder())).release()
  await clock.advance(1_000)
  expect({ next: clock.next, held: clock.held }).toEqual({ next: 1_000, held: 0 })
  await clock.advance(4_500)
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2'])
  expect(flusher.tryAcquire(holder())?.client.id).toBe(1)
})

test.each([
  ['another sleep while its flush runs', (clock: ManualClock) => clock.sleep(4_500)],
  [
    'distrust while its flush runs',
    (clock: ManualClock, flusher: Flusher<FakeClient>) => {
      clock.sleep(1)
      flusher.distrust('resumed')
    },
  ],
])('%s is heard of: what was opened before serves nobody until it was flushed too', async (_, happens) => {
  const { clock, driver, flusher } = await setUp({ intervalMs: 1_000 })
  let checked = () => {}
  driver.onCheck = () => new Promise<void>((resolve) => (checked = resolve))
  clock.sleep(6_000)
  const first = flusher.acquire(holder())
  await settled()
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2'])
  driver.onCheck = () => {}
  happens(clock, flusher)
  checked()
  expect((await first).client.id).toBe(3)
})

test('a sleep during a pause, or without a timer, is nothing to this', async () => {
  const { clock, flusher } = await setUp({ intervalMs: 30_000 })
  flusher.pause()
  clock.sleep(600_000)
  expect(flusher.tryAcquire(holder())?.client.id).toBe(1)
})

test('with no timer at all, maxAgeMs does the same', async () => {
  const { clock, flusher } = await setUp({ intervalMs: false, maxAgeMs: 10_000 })
  expect(clock.timers).toBe(0)
  clock.sleep(10_001)
  expect((await flusher.acquire(holder())).client.id).toBe(2)
})

test('targets of a shared timer wake too', async () => {
  const { clock, flusher } = await setUp({ intervalMs: false })
  const target = { $flush: flusher.flush.bind(flusher), $flusher: flusher }
  const running = startPeriodicFlush({ intervalMs: 30_000, jitter: 0, targets: [target] }, clock)
  clock.sleep(60_000)
  await clock.advance(0)
  await settled()
  expect((await flusher.acquire(holder())).client.id).toBeGreaterThan(1)
  running.stop()
})

test('of two clocks the larger step counts, but no correction of the wall clock', () => {
  let monotonic = 0
  let wall = 1_000_000
  const now = wakefulNow(
    () => monotonic,
    () => wall,
  )
  const step = (a: number, b: number) => {
    monotonic += a
    wall += b
    return now()
  }
  expect(step(10, 10)).toBe(10)
  // Coarser, corrected, set back: the monotonic clock counts.
  expect(step(10, 11)).toBe(20)
  expect(step(10, 1_000)).toBe(30)
  expect(step(10, -3_600_000)).toBe(40)
  // The machine slept.
  expect(step(10, 60_000)).toBe(60_040)
  expect(step(10, 10)).toBe(60_050)
})

async function setUp(options: Options<FakeClient>) {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const flusher: Flusher<FakeClient> = createFlusher(driver, { jitter: 0, ...options }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  await flusher.run('query', async () => undefined)
  return { clock, driver, flusher }
}
