import { expect, onTestFinished, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

test('a hold keeps new work waiting, lets running work end, and swaps at zero leases', async () => {
  const { flusher, driver } = setUp()
  const running = await flusher.acquire(holder())
  const held = flusher.hold()
  const late = flusher.acquire(holder())
  await settled()
  expect(flusher.tryAcquire(holder())).toBeUndefined()
  expect(driver.transcript).toEqual(['open 1'])
  running.release()
  await expect(held).resolves.toMatchObject({ reason: 'hold', generation: 2, replaced: 1 })
  expect((await late).client.id).toBe(2)
  expect(driver.transcript.slice(0, 3)).toEqual(['open 1', 'open 2', 'check 2'])
})

test('what runs on a generation that is retiring counts too: old and new do not mix', async () => {
  const { flusher, driver } = setUp()
  const straggler = await flusher.acquire(holder())
  await flusher.flush({ wait: 'swapped' })
  const held = flusher.hold({ reason: 'switch' })
  await settled()
  expect(driver.clients).toHaveLength(2)
  straggler.release()
  await expect(held).resolves.toMatchObject({ reason: 'switch', generation: 3 })
})

test('when a hold times out, those who waited go to the current generation', async () => {
  const { clock, flusher } = setUp()
  const running = await flusher.acquire(holder())
  const held = flusher.hold({ timeoutMs: 200 })
  const late = flusher.acquire(holder())
  const refused = expect(held).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: 'fake: 1 leases were still out after 200 ms (timeoutMs of hold)',
  })
  await clock.advance(199)
  expect(flusher.stats()).toMatchObject({ waiting: 1 })
  await clock.advance(1)
  await refused
  expect((await late).client).toBe(running.client)
  expect(clock.timers).toBe(0)
})

test('when the flush of a hold fails, those who waited go to the current generation', async () => {
  const { flusher, driver } = setUp()
  const running = await flusher.acquire(holder())
  driver.onOpen = () => Promise.reject(new Error('no route'))
  const held = flusher.hold()
  const late = flusher.acquire(holder())
  running.release()
  await expect(held).rejects.toMatchObject({ code: 'OPEN_FAILED' })
  expect((await late).client.id).toBe(1)
})

test('a hold of a client that nobody has used or wants opens none when its flush fails', async () => {
  const { flusher, driver } = setUp()
  driver.onOpen = () => Promise.reject(new Error('no route'))
  await expect(flusher.hold()).rejects.toMatchObject({ code: 'OPEN_FAILED' })
  await settled()
  expect(driver.transcript).toEqual(['open 1'])
})

test('those who come while that fails hear of what the factory throws', async () => {
  const { flusher, driver } = setUp()
  driver.open = () => {
    throw new Error('no route')
  }
  const held = flusher.hold().catch(() => {})
  const errors: unknown[] = []
  const fail = (error: unknown) => errors.push(error)
  flusher.acquireFor(holder(), {
    start: () => {},
    fail: () => flusher.acquireFor(holder(), { start: () => {}, fail }),
  })
  await held
  await settled()
  expect(errors).toMatchObject([{ message: 'no route' }])
})

test('two holds at once: nothing begins before the second has ended', async () => {
  const { flusher } = setUp()
  const running = await flusher.acquire(holder())
  const holds = Promise.all([flusher.hold(), flusher.hold()])
  const late = flusher.acquire(holder())
  running.release()
  const [first, second] = await holds
  expect((await late).client.id).toBe(Math.max(first.generation, second.generation))
})

test('close ends a hold', async () => {
  const { clock, flusher } = setUp()
  const running = await flusher.acquire(holder())
  const held = flusher.hold()
  const refused = expect(held).rejects.toMatchObject({ code: 'CLOSED' })
  const closed = flusher.close()
  await settled()
  running.release()
  await closed
  await refused
  await expect(flusher.hold()).rejects.toMatchObject({ code: 'CLOSED' })
  expect(clock.timers).toBe(0)
})

test('close ends a hold at once, whatever still runs, and its timer keeps the process alive until then', async () => {
  const { clock, flusher } = setUp()
  await flusher.acquire(holder())
  const refused = expect(flusher.hold({ timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'CLOSED' })
  await settled()
  expect({ timers: clock.timers, held: clock.held }).toEqual({ timers: 1, held: 1 })
  flusher.close({ deadlineMs: 0 })
  await settled()
  await refused
})

test('a lease that comes back while another is out does not end the wait of a hold', async () => {
  const { flusher, driver } = setUp()
  const [first, second] = await Promise.all([flusher.acquire(holder()), flusher.acquire(holder())])
  const held = flusher.hold()
  first.release()
  await settled()
  expect(driver.clients).toHaveLength(1)
  second.release()
  await expect(held).resolves.toMatchObject({ generation: 2 })
})

test.each([
  [{ timeoutMs: -1 }, RangeError],
  [{ timeoutMs: '1' }, TypeError],
  [{ timeoutms: 1 }, TypeError],
])('hold(%j) is refused', async (options, kind) => {
  await expect(setUp().flusher.hold(options as never)).rejects.toThrow(kind)
})

function setUp() {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher }
}
