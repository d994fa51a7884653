import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, onTestFinished, test, vi } from 'vitest'
import { systemClock, wakefulNow } from '../src/clock.ts'

test('a step of the wall clock by a second is a correction, a longer one is sleep; what is behind counts for nothing', () => {
  let wall = 1_000_000
  const now = wakefulNow(
    () => 5,
    () => wall,
  )
  const step = (ms: number) => {
    wall += ms
    return now()
  }
  expect(step(1_000)).toBe(5)
  expect(step(1_001)).toBe(1_006)
  expect(step(-1_001)).toBe(1_006)
  expect(step(2_000)).toBe(3_006)
})

test('a sleep counts from when the clock was made, whenever it is first asked', () => {
  let wall = 1_000_000
  const now = wakefulNow(
    () => 5_000,
    () => wall,
  )
  wall += 60_000
  expect(now()).toBe(65_000)
})

test('the process’s own clock counts the milliseconds, those too during which the machine slept', () => {
  useFakeTime()
  const start = systemClock.now()
  vi.advanceTimersByTime(50)
  expect(systemClock.now() - start).toBeCloseTo(50)
  vi.setSystemTime(Date.now() + 60_000)
  expect(systemClock.now() - start).toBeCloseTo(60_050)
})

test('the process’s own timers fire once, after that time, and not if they are cancelled', () => {
  useFakeTime()
  const fired: string[] = []
  systemClock.after(100, false, () => fired.push('one'))
  systemClock.after(100, true, () => fired.push('another')).cancel()
  vi.advanceTimersByTime(99)
  expect(fired).toEqual([])
  vi.advanceTimersByTime(1_000)
  expect(fired).toEqual(['one'])
})

test('what a timer does runs in the context of nobody, whoever was served when it was set', async () => {
  const storage = new AsyncLocalStorage<string>()
  const stored = await new Promise((resolve) =>
    storage.run('a request', () => systemClock.after(1, true, () => resolve(storage.getStore()))),
  )
  expect(stored).toBeUndefined()
})

test.each([true, false])('with hold: %s a timer keeps the process alive, or not', (hold) => {
  const set = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => set.mockRestore())
  const timer = systemClock.after(60_000, hold, () => {})
  onTestFinished(() => timer.cancel())
  expect(set.mock.results.map(({ value }) => value.hasRef())).toEqual([hold])
})

function useFakeTime(): void {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
}
