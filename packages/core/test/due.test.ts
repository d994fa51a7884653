import { expect, test } from 'vitest'
import { deferred } from '../src/deferred.ts'
import { Due } from '../src/due.ts'
import { Generation } from '../src/generation.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { ScriptedDriver } from './scripted-driver.ts'

test('a generation is due once it is older than maxAgeMs, not before', () => {
  const { due, generation, flushed } = setUp(1_000)
  expect(due.has(generation, 1_000)).toBe(false)
  expect(due.has(generation, 1_001)).toBe(true)
  due.flush(generation)
  expect(flushed).toEqual(['max-age'])
})

test('it is due once no timer has fired by the time by which one should have, and that is the reason', () => {
  const { due, generation, flushed } = setUp(false)
  due.armed(4_000)
  expect(due.has(generation, 5_000)).toBe(false)
  expect(due.has(generation, 5_001)).toBe(true)
  due.flush(generation)
  expect(flushed).toEqual(['woke up'])
})

test('a sleep is told once, and another one when not even the timer that is late has fired', () => {
  const { due } = setUp(false)
  due.armed(4_000)
  expect([5_000, 5_001, 5_001, 6_001, 6_002].map((now) => due.wakes(now))).toEqual([false, true, false, false, true])
  due.armed(Number.POSITIVE_INFINITY)
  expect(due.wakes(1_000_000)).toBe(false)
})

test('what was opened before it was distrusted is not trusted when it serves, what was opened since is', async () => {
  const { clock, due, generation } = setUp(false)
  const [before, since] = [opened(0), opened(10)]
  await clock.advance(10)
  due.mark(generation, 'resumed')
  due.serves(before, 10)
  expect(before.due).toBe('resumed')
  due.serves(since, 10)
  expect(since.due).toBeUndefined()
})

test('what was opened before the process slept is not trusted when it serves, whoever notices that first', () => {
  const { due } = setUp(false)
  const generation = opened(4_500)
  due.armed(4_000)
  due.serves(generation, 5_001)
  expect(generation.due).toBe('woke up')
})

test('a demotion says nothing of what another flush has opened already', async () => {
  const { clock, due, generation } = setUp(false)
  const other = opened(0)
  await clock.advance(10)
  due.mark(generation, 'demoted', 500)
  due.serves(other, 10)
  expect(other.due).toBeUndefined()
  due.end()
})

test('a sleep during a demotion is no shorter for that', async () => {
  const { clock, due, generation } = setUp(false)
  due.mark(generation, 'demoted', 500)
  due.armed(-1_000)
  expect(due.has(generation, 1)).toBe(true)
  await clock.advance(500)
  expect(generation.due).toBe('woke up')
})

test('its age counts from when it serves', () => {
  const { due } = setUp(1_000)
  const generation = opened(0)
  due.serves(generation, 5_000)
  expect([6_000, 6_001].map((now) => due.has(generation, now))).toEqual([false, true])
})

test('all that come while its flush opens share that one; what is not due is not flushed', () => {
  const { due, generation, flushed } = setUp(false)
  due.flush(generation)
  expect(flushed).toEqual([])
  due.mark(generation, 'distrusted')
  due.flush(generation)
  due.flush(generation)
  expect(flushed).toEqual(['distrusted'])
})

test('when its flush fails, those who waited are served, and the old client has another term', async () => {
  const { clock, due, generation, flushed, turn, postponed } = setUp(1_000)
  await clock.advance(1_001)
  due.has(generation, clock.now())
  due.flush(generation)
  turn.reject(new Error('no fresh client'))
  await settled()
  expect(postponed()).toBe(1)
  expect(due.has(generation, clock.now())).toBe(false)
  expect(due.has(generation, clock.now() + 1_001)).toBe(true)
  due.flush(generation)
  expect(flushed).toEqual(['max-age', 'max-age'])
})

test('nobody waits longer than they were told to; the timer for that keeps no process alive', async () => {
  const { clock, due, generation, postponed } = setUp(false)
  due.mark(generation, 'demoted', 500)
  expect({ timers: clock.timers, held: clock.held }).toEqual({ timers: 1, held: 0 })
  await clock.advance(500)
  expect(postponed()).toBe(1)
  expect(due.has(generation, clock.now())).toBe(false)
})

test('that timer is gone once the flush is done, where it is set anew, and at the end', async () => {
  const { clock, due, generation, turn } = setUp(false)
  due.mark(generation, 'demoted', 500)
  due.mark(generation, 'demoted', 500)
  expect(clock.timers).toBe(1)
  due.flush(generation)
  turn.resolve()
  await settled()
  expect(clock.timers).toBe(0)
  due.mark(generation, 'demoted', 500)
  due.end()
  expect(clock.timers).toBe(0)
})

test('the end of an older flush is not the end of the one that others wait for now', async () => {
  const turns = [deferred<void>(), deferred<void>()]
  const asked: string[] = []
  const due = new Due<object>(false, new ManualClock(), {
    flush: (reason) => {
      asked.push(reason)
      return turns[asked.length - 1]?.promise ?? Promise.resolve()
    },
    postponed: () => {},
  })
  const [older, newer] = [opened(0), opened(0)]
  for (const generation of [older, newer]) {
    due.mark(generation, 'resumed')
    due.flush(generation)
  }
  turns[0]?.resolve()
  await settled()
  due.flush(newer)
  expect(asked).toHaveLength(2)
})

function setUp(maxAgeMs: number | false) {
  const clock = new ManualClock()
  const flushed: string[] = []
  const turn = deferred<void>()
  let postponed = 0
  const due = new Due<object>(maxAgeMs, clock, {
    flush(reason) {
      flushed.push(reason)
      return turn.promise
    },
    postponed: () => void postponed++,
  })
  const generation = opened(0)
  return { clock, due, generation, flushed, turn, postponed: () => postponed }
}

function opened(at: number): Generation<object> {
  return new Generation<object>(
    1,
    {},
    at,
    new ScriptedDriver() as never,
    () => {},
    () => {},
  )
}
