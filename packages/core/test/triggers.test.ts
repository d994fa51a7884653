import { expect, onTestFinished, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import type { Trigger, Watched } from '../src/trigger.ts'
import { failover } from '../src/triggers/failover.ts'
import { signal } from '../src/triggers/signal.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, ScriptedDriver } from './scripted-driver.ts'

test('each trigger has a gap of its own, so that a storm from one does not put off another', async () => {
  const a = new Alarm('a')
  const b = new Alarm('b')
  const { clock, flusher } = await started({ triggers: [a, b] })
  for (let n = 0; n < 100; n++) a.watched.flush({ reason: 'a' })
  await settled()
  expect(flusher.stats().generation).toBe(2)
  await clock.advance(300)
  b.watched.flush({ reason: 'b' })
  await settled()
  expect(flusher.stats().generation).toBe(3)
  for (let n = 0; n < 100; n++) a.watched.flush({ reason: 'a' })
  await clock.advance(699)
  expect(flusher.stats().generation).toBe(3)
  await clock.advance(1)
  expect(flusher.stats().generation).toBe(4)
  await clock.advance(10_000)
  expect(flusher.stats().generation).toBe(4)
})

test('what was put off is done with once another flush has opened a client since', async () => {
  const a = new Alarm('a')
  const { clock, flusher } = await started({ triggers: [a] })
  a.watched.flush({ reason: 'a' })
  await clock.advance(100)
  a.watched.flush({ reason: 'a' })
  await clock.advance(100)
  await flusher.flush()
  expect(flusher.stats().generation).toBe(3)
  await clock.advance(10_000)
  expect(flusher.stats().generation).toBe(3)
})

test('what was put off is still done if the client of the other flush had been opened before', async () => {
  const a = new Alarm('a')
  const { clock, driver, flusher } = await started({ triggers: [a] })
  a.watched.flush({ reason: 'a' })
  await clock.advance(100)
  let checked = () => {}
  driver.onCheck = () => new Promise<void>((resolve) => (checked = resolve))
  const other = flusher.flush()
  await settled()
  await clock.advance(100)
  a.watched.flush({ reason: 'a' })
  driver.onCheck = () => {}
  checked()
  await other
  expect(flusher.stats().generation).toBe(3)
  await clock.advance(10_000)
  expect(flusher.stats().generation).toBe(4)
})

test('requests that are put off together are one, and abandon the old server if one of them does', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a], deadlineMs: 100 })
  a.watched.flush({ reason: 'first' })
  await settled()
  const lease = await flusher.acquire(holder())
  const reasons: string[] = []
  flusher.on('swap', ({ reason }) => reasons.push(reason))
  a.watched.flush({ reason: 'second' })
  a.watched.flush({ reason: 'third', abandoned: true })
  await clock.advance(1_100)
  expect(reasons).toEqual(['second, third'])
  expect(driver.transcript).toContain(`cut ${lease.client.id}`)
})

test('a flush that a trigger asked for is tried again until one succeeds, with backoff', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a] })
  driver.onOpen = () => Promise.reject(new Error('no route'))
  a.watched.flush({ reason: 'a' })
  await settled()
  const waits: (number | undefined)[] = []
  for (let n = 0; n < 9; n++) {
    waits.push(clock.next)
    await clock.advance(clock.next ?? 0)
  }
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  driver.onOpen = () => {}
  await clock.advance(30_000)
  expect(flusher.stats()).toMatchObject({ flushes: 1 })
  expect(clock.timers).toBe(0)
})

test('whichever flush succeeds first ends the tries of the others', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a] })
  driver.onOpen = () => Promise.reject(new Error('no route'))
  a.watched.flush({ reason: 'a' })
  await settled()
  expect(clock.timers).toBe(1)
  driver.onOpen = () => {}
  await flusher.flush()
  expect(clock.timers).toBe(0)
})

test('a pause ends the tries, and what a trigger asks for during it is not done later', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a] })
  driver.onOpen = () => Promise.reject(new Error('no route'))
  a.watched.flush({ reason: 'a' })
  await settled()
  flusher.pause()
  expect(clock.timers).toBe(0)
  a.watched.flush({ reason: 'a' })
  await clock.advance(60_000)
  expect(driver.clients).toHaveLength(2)
})

test('nor is a flush tried again that fails only after the pause', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a] })
  let fail = (_: Error) => {}
  driver.onOpen = () => new Promise((_, reject) => (fail = reject))
  a.watched.flush({ reason: 'a' })
  await settled()
  flusher.pause()
  fail(new Error('no route'))
  await settled()
  expect(clock.timers).toBe(0)
})

test('an old client with work at an address that is gone is cut, also if it is connected elsewhere too', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a], deadlineMs: 100 })
  const straggler = await flusher.acquire(holder())
  straggler.client.connections = 2
  straggler.client.peers = ['10.0.0.1:5432', '10.0.0.2:5432']
  driver.peers_ = ['10.0.0.2:5432']
  a.watched.flush({ reason: 'moved', gone: ['10.0.0.1'] })
  await settled()
  await clock.advance(100)
  expect(driver.transcript).toContain('cut 1')
})

test('a fresh client of another server serves at once; one of the same server is warmed first', async () => {
  const a = new Alarm('a')
  const { clock, flusher, driver } = await started({ triggers: [a], minGapMs: 0 })
  const leases = await Promise.all([1, 2, 3].map(() => flusher.acquire(holder())))
  for (const lease of leases) {
    lease.client.connections = 3
    lease.release()
  }
  await flusher.flush()
  expect(driver.transcript).toContain('warm 3 2')
  const warm = driver.transcript.filter((call) => call.startsWith('warm')).length
  await Promise.all([1, 2, 3].map(() => flusher.acquire(holder()))).then((all) => all.map((lease) => lease.release()))
  driver.peers_ = ['10.0.0.2:5432']
  a.watched.flush({ reason: 'moved' })
  await clock.advance(0)
  for (const lease of await Promise.all([1, 2, 3].map(() => flusher.acquire(holder())))) {
    lease.client.connections = 3
    lease.release()
  }
  a.watched.flush({ reason: 'demoted', abandoned: true })
  await clock.advance(0)
  expect(flusher.stats().generation).toBe(4)
  expect(driver.transcript.filter((call) => call.startsWith('warm'))).toHaveLength(warm)
})

test('a trigger that cannot start, or fails later, says so in an event and disturbs nobody', async () => {
  const broken = {
    name: 'broken',
    start: () => {
      throw new Error('redis://app:secret@bus is down')
    },
  }
  const a = new Alarm('a')
  const clock = new ManualClock()
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false, triggers: [broken, a] }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  const told: unknown[] = []
  flusher.on('failed', ({ reason, step, error }) => told.push([reason, step, String(error)]))
  await use(flusher)
  a.watched.failed(new Error('lost'))
  expect(told).toEqual([
    ['broken', 'trigger', 'Error: redis://***@bus is down'],
    ['a', 'trigger', 'Error: lost'],
  ])
})

test('a trigger that throws fails no statement, and keeps no other from hearing or ending', async () => {
  const heard: string[] = []
  const throwing = (name: string): Trigger => ({
    name,
    start(watched) {
      watched.onSuspicion((suspicion) => {
        heard.push(`${name}: ${suspicion}`)
        throw new Error('a bug of the trigger')
      })
      return () => {
        heard.push(`${name}: end`)
        throw new Error('a bug of the trigger')
      }
    },
  })
  const { flusher } = await started({ triggers: [throwing('a'), throwing('b')] })
  const told: string[] = []
  flusher.on('failed', ({ reason }) => told.push(reason))
  const lost = suspicious('lost')
  await expect(flusher.run('query', () => Promise.reject(lost))).rejects.toBe(lost)
  flusher.pause()
  expect(heard).toEqual(['a: lost', 'b: lost', 'a: end', 'b: end'])
  expect(told).toEqual(['a', 'b', 'a', 'b'])
})

test('failover flushes for an error that the driver suspects, and leaves that error as it is', async () => {
  const { flusher } = await started({ triggers: [failover()] })
  const error = new Error('terminating connection')
  await expect(flusher.run('query', () => Promise.reject(error))).rejects.toBe(error)
  await settled()
  expect(flusher.stats().generation).toBe(1)
  const lost = suspicious('lost')
  await expect(flusher.run('query', () => Promise.reject(lost))).rejects.toBe(lost)
  await settled()
  expect(flusher.stats().generation).toBe(2)
})

test('failover after a lost connection asks nobody, and lets what still runs on the same server end', async () => {
  const driver = Object.assign(suspecting(), { writable: () => Promise.reject(new Error('asked')) })
  const { clock, flusher } = await started({ triggers: [failover()], deadlineMs: 50 }, driver)
  const straggler = holder()
  const lease = await flusher.acquire(straggler)
  lease.client.connections = 1
  flusher.failed(lease.client, suspicious('lost'))
  await settled()
  await clock.advance(50)
  expect(flusher.stats()).toMatchObject({ generation: 2, retiring: [{ leases: 1 }] })
  expect(straggler.errors).toEqual([])
  lease.release()
})

test('failover does not stay with a server that does not answer whether it is writable', async () => {
  const signals: AbortSignal[] = []
  const driver = Object.assign(suspecting(), {
    writable: (_: FakeClient, signal: AbortSignal) => {
      signals.push(signal)
      return new Promise<boolean>(() => {})
    },
  })
  const { clock, flusher } = await started({ triggers: [failover()], checkTimeoutMs: 200, deadlineMs: 50 }, driver)
  flusher.failed(flusher.current() as FakeClient, suspicious('read-only'))
  await settled()
  expect(clock.held).toBe(0)
  expect(signals.map(({ aborted }) => aborted)).toEqual([false])
  await clock.advance(250)
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  expect(flusher.stats().generation).toBe(2)
  expect(driver.transcript).toContain('cut 1')
})

test('a trigger sees what the driver tells, and hears that it does not', async () => {
  const silent = new Alarm('silent')
  const { endpoints, peers, writable } = await started({ triggers: [silent] }, nothingTold()).then(() => silent.watched)
  expect(endpoints()).toEqual([])
  expect(peers()).toBeUndefined()
  await expect(writable()).resolves.toBeUndefined()
})

test('a client that is paused before its first use starts no trigger with it', async () => {
  let started = 0
  const alarm = {
    name: 'alarm',
    start() {
      started++
      return () => {}
    },
  }
  const clock = new ManualClock()
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: 1_000, triggers: [alarm] }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  flusher.pause()
  await use(flusher)
  expect(clock.timers).toBe(0)
  expect(started).toBe(0)
})

test('failover takes no notice of a generation that has been replaced already', async () => {
  const { flusher } = await started({ triggers: [failover()], minGapMs: 0 })
  const old = await flusher.acquire(holder())
  await flusher.flush({ wait: 'swapped' })
  flusher.failed(old.client, suspicious('lost'))
  await settled()
  expect(flusher.stats().generation).toBe(2)
})

test('failover asks the server after a read-only error, once for all that come meanwhile', async () => {
  const answers: boolean[] = [true, false]
  const asked: number[] = []
  const driver = Object.assign(suspecting(), {
    writable: async ({ id }: FakeClient) => {
      asked.push(id)
      return answers.shift() ?? true
    },
  })
  const { flusher, clock } = await started({ triggers: [failover()], deadlineMs: 50 }, driver)
  const straggler = await flusher.acquire(holder())
  for (let n = 0; n < 5; n++) flusher.failed(straggler.client, suspicious('read-only'))
  await settled()
  expect(asked).toEqual([1])
  expect(flusher.stats().generation).toBe(1)
  flusher.failed(straggler.client, suspicious('read-only'))
  await settled()
  expect(flusher.stats().generation).toBe(2)
  await clock.advance(50)
  // Abandoned: a demoted server's stragglers are cut.
  expect(driver.transcript).toContain('cut 1')
})

test.each([
  ['returns nothing', () => undefined],
  [
    'throws',
    () => {
      throw new Error('a bug of the trigger')
    },
  ],
])('a trigger whose start %s is told as failed, and what it asks for later is not done', async (_, end) => {
  let ask = () => {}
  const broken = {
    name: 'broken',
    start(watched: Watched) {
      ask = () => watched.flush({ reason: 'later' })
      return end() as never
    },
  }
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false, triggers: [broken] })
  onTestFinished(() => flusher.close())
  const failed: unknown[] = []
  flusher.on('failed', ({ reason, step }) => failed.push({ reason, step }))
  await flusher.run('query', async () => {})
  ask()
  await settled()
  expect(failed).toEqual([{ reason: 'broken', step: 'trigger' }])
  expect(driver.clients).toHaveLength(1)
})

test('a request that is none is refused where the trigger makes it, also while its gap lasts', async () => {
  const refusals: unknown[] = []
  const wrong = {
    name: 'wrong',
    start(watched: Watched) {
      watched.flush({ reason: 'first' })
      for (const request of [
        undefined,
        {},
        { reason: '' },
        { reason: 'x', abandoned: 1 },
        { reason: 'x', gone: '10.0.0.1' },
      ]) {
        try {
          watched.flush(request as never)
        } catch (error) {
          refusals.push((error as Error).message)
        }
      }
      return () => {}
    },
  }
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false, triggers: [wrong] })
  onTestFinished(() => flusher.close())
  await flusher.run('query', async () => {})
  expect(refusals).toEqual([
    'Expected the request of a trigger to be an object, got undefined',
    'Expected `reason` to be a non-empty string, and none with credentials, got undefined',
    "Expected `reason` to be a non-empty string, and none with credentials, got ''",
    'Expected `abandoned` to be a boolean, got 1',
    'Expected `gone` to be an array of addresses, got a string of 8 characters',
  ])
})

test('where a writable server is required, new work waits for it after a demotion, but not for long', async () => {
  const driver = Object.assign(suspecting(), { writable: async ({ id }: FakeClient) => id !== 1 })
  const { flusher, clock } = await started({ triggers: [failover()], require: 'writable' }, driver)
  let opened = () => {}
  driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
  flusher.failed(flusher.current() as FakeClient, suspicious('read-only'))
  await settled()
  const first = flusher.acquire(holder())
  await clock.advance(499)
  expect(flusher.stats().waiting).toBe(1)
  await clock.advance(1)
  expect((await first).client.id).toBe(1)
  opened()
  await settled()
  expect(flusher.stats().generation).toBe(2)
})

test('the end of that wait is no end of another one that has begun since', async () => {
  const driver = Object.assign(suspecting(), { writable: async () => false })
  const { flusher, clock } = await started({ triggers: [failover()], require: 'writable' }, driver)
  flusher.failed(flusher.current() as FakeClient, suspicious('read-only'))
  await settled()
  expect(flusher.stats().failures).toBe(1)
  flusher.pause()
  flusher.distrust('resumed')
  await clock.advance(500)
  expect(flusher.tryAcquire(holder())).toBeUndefined()
})

test('where any server will do, new work goes on after a demotion', async () => {
  const driver = Object.assign(suspecting(), { writable: async ({ id }: FakeClient) => id !== 1 })
  const { flusher } = await started({ triggers: [failover()] }, driver)
  driver.onOpen = () => new Promise<void>(() => {})
  flusher.failed(flusher.current() as FakeClient, suspicious('read-only'))
  await settled()
  expect(flusher.tryAcquire(holder())?.client.id).toBe(1)
})

test('nor does work wait when the flush after a demotion is tried again', async () => {
  const driver = Object.assign(suspecting(), { writable: async ({ id }: FakeClient) => id > 2 })
  const { flusher, clock } = await started({ triggers: [failover()], require: 'writable' }, driver)
  flusher.failed(flusher.current() as FakeClient, suspicious('read-only'))
  await settled()
  driver.onOpen = () => new Promise<void>(() => {})
  await clock.advance(250)
  expect(driver.clients).toHaveLength(3)
  expect(flusher.tryAcquire(holder())?.client.id).toBe(1)
})

test('a signal flushes every client with one listener of the process, which goes with the last of them', async () => {
  const before = process.listenerCount('SIGUSR2')
  const trigger = signal('SIGUSR2')
  const all = await Promise.all(Array.from({ length: 12 }, () => started({ triggers: [trigger] })))
  expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
  process.emit('SIGUSR2', 'SIGUSR2')
  await settled()
  expect(all.map(({ flusher }) => flusher.stats().generation)).toEqual(all.map(() => 2))
  await all[0]?.flusher.close()
  expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
  await Promise.all(all.map(({ flusher }) => flusher.close()))
  expect(process.listenerCount('SIGUSR2')).toBe(before)
})

test.each([
  ['SIGKILL', RangeError],
  ['SIGNONE', RangeError],
  ['toString', RangeError],
  [12, TypeError],
] as const)('signal(%j) is refused at once', (name, kind) => {
  const make = () => signal(name as NodeJS.Signals)
  expect(make).toThrow(kind)
  expect(make).toThrow("Expected `name` to be the name of a signal, such as 'SIGUSR2', got")
})

/** A trigger that a test sets off. */
class Alarm implements Trigger {
  readonly name: string
  watched!: Watched

  constructor(name: string) {
    this.name = name
  }

  start(watched: Watched): () => void {
    this.watched = watched
    return () => {}
  }
}

class Suspicious extends Error {
  readonly suspicion: string

  constructor(suspicion: string) {
    super(`the server is ${suspicion}`)
    this.suspicion = suspicion
  }
}

function suspicious(suspicion: string): Error {
  return new Suspicious(suspicion)
}

function nothingTold() {
  return Object.assign(suspecting(), { peers: undefined })
}

function suspecting() {
  const suspect = (error: unknown) => (error instanceof Suspicious ? error.suspicion : undefined)
  return Object.assign(new ScriptedDriver(), { suspect })
}

async function started(options: Options<FakeClient>, driver = suspecting()) {
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: false, ...options }, { clock, random: () => 0 })
  onTestFinished(() => closeBy(clock, flusher))
  await use(flusher)
  return { clock, flusher, driver }
}

test('a flush that a trigger asks for as soon as it starts is tried again too', async () => {
  const eager: Trigger = {
    name: 'eager',
    start(watched) {
      watched.flush({ reason: 'just in case' })
      return () => {}
    },
  }
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  driver.onOpen = ({ id }) => (id === 2 ? Promise.reject(new Error('no route')) : undefined)
  const flusher = createFlusher(driver, { intervalMs: false, triggers: [eager] }, { clock, random: () => 0 })
  onTestFinished(() => closeBy(clock, flusher))
  await use(flusher)
  await settled()
  expect(driver.transcript).toEqual(['open 1', 'open 2'])
  await clock.advance(250)
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'open 3', 'check 3', 'close 1'])
})

async function use(flusher: ReturnType<typeof createFlusher<FakeClient>>): Promise<void> {
  await flusher.run('query', async () => undefined)
}
