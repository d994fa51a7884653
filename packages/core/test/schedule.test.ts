import { expect, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import { startPeriodicFlush } from '../src/periodic-flush.ts'
import { flushAll } from '../src/target.ts'
import type { Watched } from '../src/trigger.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

test('the interval starts with the first use, and a timed flush before it does nothing', async () => {
  const { clock, flusher, driver } = setUp(0)
  await clock.advance(10_000)
  expect(driver.transcript).toEqual([])
  await use(flusher)
  await clock.advance(999)
  expect(driver.transcript).toEqual(['open 1'])
  await clock.advance(1)
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1'])
})

test('a client that nobody uses is not checked, and opens no connection', async () => {
  const { clock, flusher, driver } = setUp(0)
  await use(flusher)
  await clock.advance(4_000)
  expect(driver.transcript.filter((call) => call.startsWith('check'))).toEqual(['check 2'])
  expect(driver.total).toBe(0)
})

test('an eager client that nobody uses is flushed by its next use; if that fails, the old one serves on', async () => {
  const driver = Object.assign(new ScriptedDriver(), { eager: () => true })
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: 1_000 }, { clock, random: () => 0 })
  await use(flusher)
  await clock.advance(2_000)
  const opened = driver.transcript.filter((call) => call.startsWith('open'))
  await clock.advance(3_000)
  expect(driver.transcript.filter((call) => call.startsWith('open'))).toEqual(opened)
  driver.onOpen = () => Promise.reject(new Error('no route'))
  const lease = await flusher.acquire(holder())
  expect(lease.client.id).toBe(opened.length)
  lease.release()
  driver.onOpen = () => {}
  await clock.advance(60_000)
  const idle = driver.clients.length
  const reasons: string[] = []
  flusher.on('swap', ({ reason }) => reasons.push(reason))
  await expect(flusher.acquire(holder())).resolves.toMatchObject({ client: { id: idle + 1 } })
  expect(reasons).toEqual(['used again'])
})

test('periods are never longer than the interval, and spread over the share that jitter says', async () => {
  const periods: number[] = []
  let seed = 0
  const clock = new ManualClock()
  const random = () => (seed = (seed + 0.618033988749895) % 1)
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: 1_000, jitter: 0.2 }, { clock, random })
  await use(flusher)
  expect(clock.next).toBeLessThanOrEqual(1_000)
  for (let n = 0; n < 200; n++) {
    await clock.advance(clock.next ?? 0)
    periods.push(clock.next ?? 0)
  }
  expect(Math.min(...periods)).toBeGreaterThanOrEqual(800)
  expect(Math.max(...periods)).toBeLessThanOrEqual(1_000)
  expect(Math.max(...periods) - Math.min(...periods)).toBeGreaterThan(190)
  await flusher.close()
})

test('the first period is a random part of an ordinary one, so that a fleet that starts together does not align', async () => {
  const first = async (jitter: number, draws: number[]) => {
    const clock = new ManualClock()
    const random = () => draws.shift() ?? 0
    const flusher = createFlusher(new ScriptedDriver(), { intervalMs: 1_000, jitter }, { clock, random })
    await use(flusher)
    return clock.next
  }
  expect(await first(0.2, [0.5, 0.25])).toBe(1_000 * 0.9 * 0.75)
  expect(await first(0, [0.5, 0.25])).toBe(1_000)
})

test('after a failure the next tries back off, and a success ends that', async () => {
  const { clock, flusher, driver } = setUp(0)
  const lease = await flusher.acquire(holder())
  driver.onOpen = async () => {
    throw new Error('no route')
  }
  const waits: (number | undefined)[] = []
  for (let n = 0; n < 7; n++) {
    await clock.advance(clock.next ?? 0)
    waits.push(clock.next)
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  expect(flusher.current()).toBe(lease.client)
  driver.onOpen = () => {}
  await clock.advance(30_000)
  lease.release()
  expect(flusher.stats().generation).toBe(2)
  await flusher.close()
  expect(clock.timers).toBe(0)
})

test('pause stops the timer, resume starts it with a whole period', async () => {
  const { clock, flusher, driver } = setUp(0)
  await use(flusher)
  flusher.pause()
  await clock.advance(5_000)
  expect(driver.transcript).toEqual(['open 1'])
  flusher.resume()
  await clock.advance(1_000)
  expect(flusher.stats().generation).toBe(2)
})

test('triggers start with the first use and stop at close; a storm of requests makes one flush per gap', async () => {
  const log: string[] = []
  let watched: Watched | undefined
  const trigger = {
    name: 'alarm',
    start(given: Watched) {
      log.push('start')
      watched = given
      return () => void log.push('stop')
    },
  }
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false, minGapMs: 500, triggers: [trigger] }, { clock })
  expect(log).toEqual([])
  await use(flusher)
  for (let n = 0; n < 100; n++) watched?.flush({ reason: 'alarm' })
  await settled()
  await clock.advance(499)
  expect(flusher.stats().generation).toBe(2)
  for (let n = 0; n < 100; n++) watched?.flush({ reason: 'alarm' })
  expect(flusher.stats().generation).toBe(2)
  await clock.advance(1)
  expect(flusher.stats().generation).toBe(3)
  await clock.advance(5_000)
  expect(flusher.stats().generation).toBe(3)
  await flusher.close()
  expect(log).toEqual(['start', 'stop'])
})

test('flushAll reports each target, whatever happened to the others', async () => {
  const good = target('good')
  const bad = target('bad')
  bad.driver.onOpen = async () => {
    throw new Error('no route')
  }
  await expect(flushAll([bad, good])).resolves.toMatchObject([
    { name: 'bad', status: 'failed', error: { code: 'OPEN_FAILED' } },
    { name: 'good', status: 'flushed', report: { generation: 1 } },
  ])
  expect(() => flushAll([{} as never])).toThrow('Expected `targets[0]` to be a client that was wrapped')
})

test('startPeriodicFlush staggers its targets over the interval and takes their own timers’ place', async () => {
  const targets = [target('a'), target('b')]
  for (const { $flusher } of targets) await use($flusher)
  const clock = new ManualClock()
  const names: string[] = []
  const running = startPeriodicFlush(
    { intervalMs: 1_000, jitter: 0, targets, onReport: ({ name }) => names.push(name) },
    clock,
  )
  await clock.advance(500)
  expect(names).toEqual(['a'])
  await clock.advance(500)
  expect(names).toEqual(['a', 'b'])
  running.stop()
  await clock.advance(5_000)
  expect(names).toEqual(['a', 'b'])
  expect(clock.timers).toBe(0)
})

function setUp(jitter: number) {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  return {
    clock,
    driver,
    flusher: createFlusher(driver, { intervalMs: 1_000, jitter }, { clock, random: () => 0 }),
  }
}

function target(name: string) {
  const driver = new ScriptedDriver()
  const $flusher = createFlusher(driver, { name, intervalMs: false })
  return { driver, $flusher, $flush: $flusher.flush.bind($flusher) }
}

async function use(flusher: ReturnType<typeof target>['$flusher']): Promise<void> {
  ;(await flusher.acquire(holder())).release()
}
