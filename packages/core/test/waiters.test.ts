import { expect, test } from 'vitest'
import type { Lease } from '../src/generation.ts'
import { type AcquireOptions, Waiters } from '../src/waiters.ts'
import { ManualClock } from './manual-clock.ts'
import { holder } from './scripted-driver.ts'

test('the timer of a caller that waits keeps the process alive, and there is none without a time', () => {
  const { clock, wait } = setUp()
  wait({})
  wait({ signal: new AbortController().signal })
  expect(clock.timers).toBe(0)
  wait({ timeoutMs: 50 })
  expect({ timers: clock.timers, held: clock.held }).toEqual({ timers: 1, held: 1 })
})

test('whoever is too late hears how long it was, and for whom', async () => {
  const { clock, wait } = setUp()
  const caller = wait({ timeoutMs: 50 })
  await clock.advance(50)
  expect(caller.failed).toMatchObject([{ message: 'orders: no connection became free within 50 ms' }])
})

test('a caller that throws when it is started gives its lease back, hears of it, and is nobody else’s trouble', () => {
  const { waiters, wait } = setUp()
  const bug = new Error('a bug of the caller')
  const first = wait({}, () => {
    throw bug
  })
  const second = wait({})
  let out = 0
  waiters.serve(() => {
    out++
    return { client: {}, release: () => void out-- }
  })
  expect(first.failed).toEqual([bug])
  expect(second).toMatchObject({ failed: [], started: 1 })
  expect({ out, size: waiters.size }).toEqual({ out: 1, size: 0 })
})

function setUp() {
  const clock = new ManualClock()
  const waiters = new Waiters<object>('orders', clock)
  const wait = (options: AcquireOptions, onStart: (lease: Lease<object>) => void = () => {}) => {
    const seen = { started: 0, failed: [] as unknown[] }
    waiters.add(holder(), options, {
      start(lease) {
        seen.started++
        onStart(lease)
      },
      fail: (error) => void seen.failed.push(error),
    })
    return seen
  }
  return { clock, waiters, wait }
}
