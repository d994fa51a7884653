import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { Driver } from '../src/driver.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import type { Trigger } from '../src/trigger.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, occupy, ScriptedDriver } from './scripted-driver.ts'

/** Each of these is a history that the model of the rotation has found. */

function setUp(options: Options<FakeClient> = {}, driver = new ScriptedDriver()) {
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: false, ...options }, { clock, random: () => 0 })
  return { driver, clock, flusher, transcript: driver.transcript }
}

const never = () => new Promise<never>(() => {})

function failing(): never {
  throw new Error('no route')
}

test('a caller that asks again as soon as the first client could not be opened is served', async () => {
  const { flusher, driver } = setUp()
  driver.onOpen = failing
  await flusher.acquire(holder()).catch(() => {
    driver.onOpen = () => {}
    return flusher.acquire(holder())
  })
  expect(flusher.stats().leases).toBe(1)
})

test('a caller that asks again within the call that fails it is served, also when others fail with it', async () => {
  const { flusher, driver } = setUp()
  driver.onOpen = failing
  let served = false
  const start = () => (served = true)
  const fail = () => {
    driver.onOpen = () => {}
    flusher.acquireFor(holder(), { start, fail: () => {} })
  }
  flusher.acquireFor(holder(), { start, fail })
  await expect(flusher.acquire(holder())).rejects.toThrow('no route')
  await settled()
  expect(served).toBe(true)
})

test('a caller that asks again during a hold whose flush could not open the first client is served', async () => {
  const { flusher, driver } = setUp()
  driver.onOpen = failing
  const held = expect(flusher.hold()).rejects.toMatchObject({ code: 'OPEN_FAILED' })
  let served = false
  const start = () => (served = true)
  flusher.acquireFor(holder(), {
    start,
    fail: () => {
      driver.onOpen = () => {}
      flusher.acquireFor(holder(), { start, fail: () => {} })
    },
  })
  await held
  await settled()
  expect(served).toBe(true)
})

test('a caller whose first client arrives after the process was suspended is served', async () => {
  const driver = Object.assign(new ScriptedDriver(), { eager: () => true })
  const { flusher, clock } = setUp({ intervalMs: 300 }, driver)
  let arrive = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (arrive = resolve))
  const served = flusher.acquire(holder())
  driver.onOpen = () => {}
  clock.sleep(6_000)
  arrive()
  await settled()
  await expect(served).resolves.toBeDefined()
})

test('close does not wait for a first client that never arrives, and closes one that arrives late', async () => {
  const { flusher, driver, transcript } = setUp()
  let arrive = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (arrive = resolve))
  const refused = expect(flusher.acquire(holder())).rejects.toMatchObject({ code: 'CLOSED' })
  await flusher.close()
  await refused
  arrive()
  await settled()
  expect(transcript).toEqual(['open 1', 'close 1'])
})

test('a client that arrives in the very moment of close is closed', async () => {
  for (let ticks = 0; ticks < 12; ticks++) {
    const { flusher, driver, transcript } = setUp({ check: false })
    ;(await flusher.acquire(holder())).release()
    const failed = flusher.flush().catch(({ code }) => code)
    // Each time it arrives one microtask earlier.
    for (let tick = 0; tick < ticks; tick++) await null
    await flusher.close()
    await failed
    await settled()
    const left = driver.clients.filter(
      ({ id }) => !transcript.some((call) => /^(close|cut) /.test(call) && call.endsWith(` ${id}`)),
    )
    expect(left).toEqual([])
  }
})

test('a connection that is slow to close does not keep a flush from its end', async () => {
  const { flusher, driver, clock } = setUp({ checkTimeoutMs: 100 })
  driver.max = 1
  driver.shrink = never
  const first = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  const ended = flusher.flush({ wait: 'swapped' }).catch(({ code }) => code)
  await settled()
  await clock.advance(300)
  await expect(ended).resolves.toBe('TIMEOUT')
  first.release()
  await settled()
})

test('a flush does not wait longer than it may for a first client that never arrives, and those who want it wait on', async () => {
  const { flusher, driver, clock } = setUp({ checkTimeoutMs: 100 })
  let arrive = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (arrive = resolve))
  const served = flusher.acquire(holder())
  const failures: string[] = []
  flusher.on('failed', ({ step }) => failures.push(step))
  const failed = expect(flusher.flush()).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringContaining(
      'fake: the first client, which a flush would replace, was not opened within 100 ms',
    ),
  })
  await settled()
  await clock.advance(100)
  await failed
  expect(failures).toEqual(['open'])
  expect(flusher.stats()).toMatchObject({ failures: 1, waiting: 1 })
  driver.onOpen = () => {}
  arrive()
  await expect(served).resolves.toBeDefined()
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 2, replaced: 1 })
})

test('a timed flush has nothing to wait for while the first client is being opened', async () => {
  const { flusher, driver } = setUp()
  driver.onOpen = never
  flusher.acquire(holder()).catch(() => {})
  await expect(flusher.flush({ lazy: true })).resolves.toMatchObject({ generation: 0 })
  await flusher.close()
})

test('a client that arrives late and does not close is cut: in time, and at the deadline of close at the latest', async () => {
  const { flusher, driver, clock, transcript } = setUp({ checkTimeoutMs: 100 })
  ;(await flusher.acquire(holder())).release()
  const late: (() => void)[] = []
  driver.onOpen = () => new Promise<void>((resolve) => late.push(resolve))
  for (const _ of ['2', '3']) {
    const failed = expect(flusher.flush()).rejects.toMatchObject({ code: 'TIMEOUT' })
    await settled()
    await clock.advance(100)
    await failed
  }
  driver.onClose = ({ id }) => (id === 1 ? undefined : never())
  late[0]?.()
  await settled()
  expect(transcript.slice(-1)).toEqual(['close 2'])
  await clock.advance(100)
  expect(transcript.slice(-1)).toEqual(['cut 2'])
  late[1]?.()
  await settled()
  const closed = flusher.close({ deadlineMs: 50 })
  await settled()
  expect(clock.held).toBe(1)
  await clock.advance(50)
  await closed
  expect(transcript.slice(-3)).toEqual(['close 3', 'close 1', 'cut 3'])
  expect(clock.timers).toBe(0)
})

test('a client that is in use is not closed when the factory hands it out again, late', async () => {
  const { flusher, driver, clock, transcript } = setUp({ checkTimeoutMs: 100 })
  const lease = await flusher.acquire(holder())
  const open = driver.open.bind(driver)
  let arrive = () => {}
  driver.open = async () => {
    await new Promise<void>((resolve) => (arrive = resolve))
    return lease.client
  }
  const failed = expect(flusher.flush()).rejects.toMatchObject({ code: 'TIMEOUT' })
  await settled()
  await clock.advance(100)
  await failed
  arrive()
  await settled()
  expect(transcript).toEqual(['open 1'])
  driver.open = open
  lease.release()
  await flusher.close()
})

test('a flush that close overtakes opens nothing', async () => {
  const { flusher, transcript } = setUp()
  ;(await flusher.acquire(holder())).release()
  const failed = expect(flusher.flush()).rejects.toMatchObject({ code: 'CLOSED' })
  await flusher.close()
  await failed
  expect(transcript).toEqual(['open 1', 'close 1'])
  expect(flusher.stats()).toMatchObject({ flushes: 0, failures: 0 })
})

test('a pause and a resume while a timed flush runs leave one timer, not two', async () => {
  const { flusher, driver, clock } = setUp({ intervalMs: 300 })
  ;(await flusher.acquire(holder())).release()
  let opened = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
  await clock.advance(300)
  flusher.pause()
  flusher.resume()
  opened()
  await settled()
  expect(clock.timers).toBe(1)
  await flusher.close()
  expect(clock.timers).toBe(0)
})

test('a flush of which nobody awaits the drain keeps the process alive no longer than until the swap', async () => {
  const { flusher, clock } = setUp()
  const lease = await flusher.acquire(holder('transaction'))
  await flusher.flush({ wait: 'swapped' })
  expect(clock.timers).toBe(1)
  expect(clock.held).toBe(0)
  lease.release()
  await settled()
})

test('a distrusted client that nobody waits for keeps the process alive no longer', async () => {
  const { flusher, driver, clock } = setUp()
  const lease = await flusher.acquire(holder())
  driver.onCheck = never
  flusher.distrust('slept')
  await settled()
  expect(clock.timers).toBe(1)
  expect(clock.held).toBe(0)
  lease.release()
})

test('opening the first client leaves no listener behind, however often it is tried', async () => {
  const { flusher, driver } = setUp()
  let heard: AbortSignal | undefined
  driver.onOpen = (_, signal) => {
    heard = signal
    return failing()
  }
  for (let n = 0; n < 5; n++) await expect(flusher.acquire(holder())).rejects.toThrow('no route')
  await settled()
  expect(heard && getEventListeners(heard, 'abort')).toEqual([])
})

test('close leaves no timer of the wait for a server that takes writes', async () => {
  let demote = () => {}
  const demoted: Trigger = {
    name: 'demoted',
    start: (watched) => {
      demote = () => watched.flush({ reason: 'demoted', abandoned: true })
      return () => {}
    },
  }
  const driver = Object.assign(new ScriptedDriver(), { writable: async () => true })
  const { flusher, clock } = setUp({ require: 'writable', triggers: [demoted] }, driver)
  ;(await flusher.acquire(holder())).release()
  demote()
  await settled()
  await flusher.close()
  expect(clock.timers).toBe(0)
})

test('what a trigger asks for while a fresh client is being opened is done by the next one: its look-up may be older', async () => {
  let ask = () => {}
  const moved: Trigger = {
    name: 'moved',
    start: (watched) => {
      ask = () => watched.flush({ reason: 'moved' })
      return () => {}
    },
  }
  const { flusher, driver, clock } = setUp({ triggers: [moved], minGapMs: 1_000 })
  ;(await flusher.acquire(holder())).release()
  let arrive = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (arrive = resolve))
  ask()
  await settled()
  await clock.advance(10)
  ask()
  await clock.advance(10)
  driver.onOpen = () => {}
  arrive()
  await settled()
  expect(flusher.stats().generation).toBe(2)
  await clock.advance(980)
  expect(flusher.stats().generation).toBe(3)
})

test('idle connections of a retired client count until they are closed, also where the driver does not tell', async () => {
  let closeIdle = () => {}
  const retire = () => new Promise<void>((resolve) => (closeIdle = resolve))
  const driver: Driver<FakeClient> = {
    name: 'mute',
    open: () => ({ id: 0, connections: 0, peers: [] }),
    check: async () => {},
    limit: () => 2,
    retire,
    close: async () => {},
    cut() {},
  }
  const flusher = createFlusher(driver, { intervalMs: false })
  const [first, second] = await Promise.all([flusher.acquire(holder()), flusher.acquire(holder())])
  second?.release()
  await flusher.flush({ wait: 'swapped' })
  await settled()
  const third = await flusher.acquire(holder())
  const fourth = flusher.acquire(holder())
  await settled()
  expect(flusher.stats()).toMatchObject({ leases: 1, waiting: 1 })
  closeIdle()
  await expect(fourth).resolves.toBeDefined()
  for (const lease of [first, third, await fourth]) lease?.release()
})

test('a flush waits where the idle connection that was to make room for it is taken first', async () => {
  const { flusher, driver, transcript } = setUp({}, Object.assign(new ScriptedDriver(), { pipelines: true }))
  driver.max = 2
  const leases = [occupy(await flusher.acquire(holder()), 1)]
  await flusher.flush({ wait: 'swapped' })
  leases.push(await flusher.acquire(holder()), occupy(await flusher.acquire(holder()), 2))
  leases.pop()?.release()
  driver.shrink = async () => {
    // It sends one more statement on a connection that is there: nothing can be closed any more.
    leases.push(await flusher.acquire(holder()))
  }
  const flushed = flusher.flush({ wait: 'swapped' })
  await settled()
  expect(transcript.filter((call) => call.startsWith('open'))).toEqual(['open 1', 'open 2'])
  delete (driver as Partial<ScriptedDriver>).shrink
  leases.pop()?.release()
  await expect(flushed).resolves.toMatchObject({ generation: 3 })
  expect(driver.total).toBeLessThanOrEqual(3)
  for (const lease of leases) lease.release()
})

test('a name that moves away and back: the check alone comes on top of the stragglers that are there still', async () => {
  const { flusher, driver, clock } = setUp({ checkTimeoutMs: 100, deadlineMs: 0, onDeadline: 'keep' })
  driver.max = 1
  const here = driver.peers_
  const first = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  await clock.advance(0)
  const second = occupy(await flusher.acquire(holder()), 1)
  driver.peers_ = ['10.0.0.2:5432']
  const moved = flusher.flush({ wait: 'swapped' })
  await settled()
  await clock.advance(100)
  await expect(moved).resolves.toMatchObject({ generation: 3, moved: true })
  driver.peers_ = here
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 4, moved: true })
  expect(driver.total).toBe(3)
  const third = flusher.acquire(holder())
  await settled()
  expect(flusher.stats()).toMatchObject({ leases: 0, waiting: 1 })
  first.release()
  await settled()
  expect(flusher.stats()).toMatchObject({ leases: 1, waiting: 0 })
  second.release()
  ;(await third).release()
})

test('a fresh client that was not to be checked until somebody used the old one does not come on top of the limit', async () => {
  const { flusher, driver, clock, transcript } = setUp({ checkTimeoutMs: 100, deadlineMs: 0, onDeadline: 'keep' })
  driver.max = 1
  const first = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  await clock.advance(0)
  let opened = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
  const flushed = flusher.flush({ lazy: true, wait: 'swapped' })
  await settled()
  const second = occupy(await flusher.acquire(holder()), 1)
  opened()
  await settled()
  const refused = expect(flushed).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining("'room'") })
  await clock.advance(100)
  await refused
  expect(transcript).toContain('open 3')
  expect(transcript).not.toContain('check 3')
  expect(flusher.stats()).toMatchObject({ generation: 2, leases: 1 })
  for (const lease of [first, second]) lease.release()
})
