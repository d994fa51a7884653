import { expect, onTestFinished, test } from 'vitest'
import { deferred } from '../src/deferred.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import { type PeriodicFlushOptions, startPeriodicFlush } from '../src/periodic-flush.ts'
import type { Target, TargetReport } from '../src/target.ts'
import type { Trigger, Watched } from '../src/trigger.ts'
import { closeBy, ManualClock } from './manual-clock.ts'
import { type FakeClient, ScriptedDriver } from './scripted-driver.ts'

test('periods are shortened at random by up to `jitter`, by a timer that keeps no process alive', async () => {
  const { clock } = start({ targets: [new FakeTarget('a'), new FakeTarget('b')], jitter: 0.2 }, [0.5, 0.75])
  expect({ timers: clock.timers, held: clock.held, next: clock.next }).toEqual({ timers: 1, held: 0, next: 450 })
  await clock.advance(450)
  expect({ timers: clock.timers, held: clock.held, next: clock.next }).toEqual({ timers: 1, held: 0, next: 425 })
})

test('without options it is called periodic-flush, and takes 30 s, shortened by up to a tenth', () => {
  const clock = new ManualClock()
  const running = startPeriodicFlush({ targets: [new FakeTarget('a')] }, clock, () => 0.5)
  onTestFinished(() => running.stop())
  expect(running.name).toBe('periodic-flush')
  expect(clock.next).toBe(28_500)
})

test('it has the name that it is given', () => {
  expect(start({ targets: [], name: 'orders' }).running.name).toBe('orders')
})

test('each target is flushed in its turn, as by its own timer, and what became of it is told', async () => {
  const [a, b, c] = [new FakeTarget('a'), new FakeTarget('b'), new FakeTarget('c')]
  b.fails = true
  const { clock, reports } = start({ targets: [a, b, c], intervalMs: 3_000 })
  await clock.advance(4_000)
  expect(reports).toEqual(['a: flushed', 'b: failed', 'c: flushed', 'a: flushed'])
  expect(c.calls).toEqual(['take', { reason: 'interval', lazy: true, wait: 'swapped' }])
})

test('however many targets there are, their turns are a millisecond apart', async () => {
  const { clock, reports } = start({ targets: ['a', 'b', 'c', 'd'].map((name) => new FakeTarget(name)), intervalMs: 2 })
  expect(clock.next).toBe(1)
  await clock.advance(4)
  expect(reports).toHaveLength(4)
})

test('without targets no timer is set', async () => {
  const { clock, running } = start({ targets: [] })
  expect(clock.timers).toBe(0)
  await expect(running.flush()).resolves.toEqual([])
})

test('flush() flushes all of them at once, and reports each', async () => {
  const [a, b] = [new FakeTarget('a'), new FakeTarget('b')]
  a.fails = true
  const { running } = start({ targets: new Set([a, b]) })
  await expect(running.flush()).resolves.toMatchObject([
    { name: 'a', status: 'failed', error: { message: 'no route' } },
    { name: 'b', status: 'flushed', report: { name: 'b' } },
  ])
})

test.each(['stop', Symbol.asyncDispose] as const)(
  '%s ends the timer and gives each schedule back, once',
  async (end) => {
    const [a, b] = [new FakeTarget('a'), new FakeTarget('b')]
    const { clock, running } = start({ targets: [a, b] })
    for (let n = 0; n < 2; n++) {
      await running[end]()
      expect(clock.timers).toBe(0)
      expect([a.calls, b.calls]).toEqual([
        ['take', 'give back'],
        ['take', 'give back'],
      ])
    }
  },
)

test('one that is paused is passed over, also when the timer is late', async () => {
  const [a, b] = [new FakeTarget('a', true), new FakeTarget('b')]
  const { clock, reports } = start({ targets: [a, b], intervalMs: 2_000 })
  await clock.advance(2_000)
  clock.sleep(2_001)
  await clock.advance(0)
  expect(reports).toEqual(['b: flushed'])
  expect(a.calls).toEqual(['take'])
  expect(b.calls).toContain('distrust: woke up')
})

test('a target of several timers has its own back when the last of them stops, whichever that is', async () => {
  const { clock, driver, target, use } = await used()
  const timer = () => startPeriodicFlush({ targets: [target], intervalMs: 60_000 }, clock)
  const [first, second] = [timer(), startPeriodicFlush({ targets: [target, target], intervalMs: 60_000 }, clock)]
  for (let n = 0; n < 2; n++) first.stop()
  await clock.advance(2_000)
  expect(driver.clients).toHaveLength(1)
  second.stop()
  await clock.advance(1_000)
  expect(driver.clients).toHaveLength(2)
  await use()
  timer().stop()
  await clock.advance(1_000)
  expect(driver.clients).toHaveLength(3)
})

test('one that was paused stays so when the timer stops, and one that is resumed has no timer before that', async () => {
  const { clock, driver, target } = await used()
  target.$flusher.pause()
  const running = startPeriodicFlush({ targets: [target], intervalMs: 60_000 }, clock)
  running.stop()
  await clock.advance(5_000)
  expect(driver.clients).toHaveLength(1)
  const again = startPeriodicFlush({ targets: [target], intervalMs: 60_000 }, clock)
  target.$flusher.resume()
  await clock.advance(5_000)
  expect(driver.clients).toHaveLength(1)
  again.stop()
  await clock.advance(1_000)
  expect(driver.clients).toHaveLength(2)
})

test('one that is first used meanwhile, or whose own flush ends meanwhile, sets no timer of its own', async () => {
  const clock = new ManualClock()
  const { driver, target, use } = made(clock)
  const first = startPeriodicFlush({ targets: [target], intervalMs: 60_000 }, clock)
  await use()
  await clock.advance(5_000)
  expect(driver.clients).toHaveLength(1)
  first.stop()
  await use()
  const opens = deferred<void>()
  driver.onOpen = () => opens.promise
  await clock.advance(1_000)
  const second = startPeriodicFlush({ targets: [target], intervalMs: 60_000 }, clock)
  opens.resolve()
  await clock.advance(0)
  await use()
  await clock.advance(5_000)
  expect(driver.clients).toHaveLength(2)
  second.stop()
})

test('what one taker gives back twice is not given back for another', async () => {
  const { clock, driver, target } = await used()
  const [first] = [target.$flusher.takeTimer(), target.$flusher.takeTimer()]
  for (let n = 0; n < 2; n++) first?.()
  await clock.advance(5_000)
  expect(driver.clients).toHaveLength(1)
})

test('triggers go on meanwhile', async () => {
  const bell = new Bell()
  const { clock, driver, target } = await used({ triggers: [bell] })
  const running = startPeriodicFlush({ targets: [target], intervalMs: 60_000 }, clock)
  bell.ring()
  await clock.advance(0)
  expect(driver.clients).toHaveLength(2)
  running.stop()
})

test('one that is stopped in the midst of a turn flushes nobody any more', async () => {
  const a = new FakeTarget('a')
  const { clock, running } = start({ targets: [a] })
  a.$flusher.distrust = () => running.stop()
  clock.sleep(60_000)
  await clock.advance(60_000)
  expect(clock.timers).toBe(0)
  expect(a.calls).toEqual(['take', 'give back'])
})

test('a target keeps its own timer from flushing it meanwhile, and not afterwards', async () => {
  const { clock, driver, target, use } = await used()
  const running = startPeriodicFlush({ targets: [target], intervalMs: 10_000, jitter: 0 }, clock)
  await clock.advance(9_999)
  expect(driver.clients).toHaveLength(1)
  await use()
  await clock.advance(1)
  expect(driver.clients).toHaveLength(2)
  running.stop()
  await use()
  await clock.advance(1_000)
  expect(driver.clients).toHaveLength(3)
})

test('a timer that is late by more than a second was kept from firing: no target is trusted then', async () => {
  const [a, b] = [new FakeTarget('a'), new FakeTarget('b')]
  const { clock } = start({ targets: [a, b], intervalMs: 2_000 })
  clock.sleep(2_000)
  await clock.advance(0)
  expect(b.calls).toEqual(['take'])
  clock.sleep(2_001)
  await clock.advance(0)
  expect(a.calls.slice(-1)).toEqual(['distrust: woke up'])
  expect(b.calls).toEqual(['take', 'distrust: woke up', { reason: 'interval', lazy: true, wait: 'swapped' }])
})

const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
  [undefined, TypeError, 'Expected options of startPeriodicFlush to be an object, got undefined'],
  [{}, TypeError, 'Expected `targets` to be an array of wrapped clients, got undefined'],
  [{ targets: 1 }, TypeError, 'Expected `targets` to be an array of wrapped clients, got 1'],
  [{ targets: [{}] }, TypeError, 'Expected `targets[0]` to be a client that was wrapped with withPeriodicFlush'],
  [
    { targets: [], intervalMs: false },
    TypeError,
    'Expected `intervalMs` to be a number from 1 to 2147483647, got false',
  ],
  [{ targets: [], intervalMs: 0.5 }, RangeError, 'got 0.5'],
  [{ targets: [], jitter: 1.1 }, RangeError, 'Expected `jitter` to be a number from 0 to 1, got 1.1'],
  [{ targets: [], name: '' }, RangeError, 'Expected `name` to be a non-empty string'],
  [{ targets: [], onReport: 'log' }, TypeError, "Expected `onReport` to be a function, got 'log'"],
  [{ targets: [], every: 1 }, TypeError, 'Unknown option `every`; expected one of targets, onReport, intervalMs, '],
]

test.each(wrong)('startPeriodicFlush(%o) is refused at once', (options, type, message) => {
  const call = () => startPeriodicFlush(options as never)
  expect(call).toThrow(type)
  expect(call).toThrow(message)
})

test('a clock or a source of chance that is none is refused at once', () => {
  expect(() => startPeriodicFlush({ targets: [] }, {} as never)).toThrow('Expected `clock` to be a clock')
  expect(() => startPeriodicFlush({ targets: [] }, undefined, 0.5 as never)).toThrow(
    'Expected `random` to be a function',
  )
})

test('of targets of which one is none, no schedule is paused', () => {
  const a = new FakeTarget('a')
  expect(() => startPeriodicFlush({ targets: [a, {} as never] })).toThrow('`targets[1]`')
  expect(a.calls).toEqual([])
})

/** A wrapped client with a timer of its own that fires every second. */
function made(clock: ManualClock, options: Options<FakeClient> = {}) {
  const driver = new ScriptedDriver()
  const $flusher = createFlusher(driver, { intervalMs: 1_000, jitter: 0, ...options }, { clock })
  onTestFinished(() => closeBy(clock, $flusher))
  const target = { $flusher, $flush: $flusher.flush.bind($flusher) }
  return { clock, driver, target, use: () => $flusher.run('query', async () => {}) }
}

async function used(options?: Options<FakeClient>): Promise<ReturnType<typeof made>> {
  const client = made(new ManualClock(), options)
  await client.use()
  return client
}

/** Asks for a flush when it is rung. */
class Bell implements Trigger {
  readonly name = 'bell'
  #watched: Watched | undefined

  start(watched: Watched): () => void {
    this.#watched = watched
    return () => {
      this.#watched = undefined
    }
  }

  ring(): void {
    this.#watched?.flush({ reason: 'rung' })
  }
}

/** A target that notes what is done to it. */
class FakeTarget implements Target {
  readonly calls: unknown[] = []
  readonly $flusher: Target['$flusher']
  fails = false

  constructor(name: string, paused = false) {
    this.$flusher = {
      name,
      paused,
      takeTimer: () => {
        this.calls.push('take')
        return () => this.calls.push('give back')
      },
      distrust: (reason) => void this.calls.push(`distrust: ${reason}`),
    }
  }

  async $flush(options?: Parameters<Target['$flush']>[0]): ReturnType<Target['$flush']> {
    this.calls.push(options)
    if (this.fails) throw new Error('no route')
    return {
      name: this.$flusher.name,
      reason: 'interval',
      generation: 2,
      replaced: 1,
      moved: false,
      checked: true,
      warmed: 1,
      drained: true,
      cut: 0,
      stragglers: [],
      swapMs: 0,
      durationMs: 0,
    }
  }
}

/** One that runs until the test ends: 1 000 ms, no jitter, unless a test says otherwise. */
function start(options: PeriodicFlushOptions, draws: number[] = []) {
  const clock = new ManualClock()
  const reports: string[] = []
  const onReport = ({ name, status }: TargetReport) => void reports.push(`${name}: ${status}`)
  const running = startPeriodicFlush(
    { intervalMs: 1_000, jitter: 0, onReport, ...options },
    clock,
    () => draws.shift() ?? 0,
  )
  onTestFinished(() => running.stop())
  return { clock, running, reports }
}
