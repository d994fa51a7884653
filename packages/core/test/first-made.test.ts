import { expect, test } from 'vitest'
import { FirstMade } from '../src/first-made.ts'
import { ManualClock } from './manual-clock.ts'

function made(intervalMs?: number | false) {
  const clock = new ManualClock()
  const discarded: string[] = []
  const options = intervalMs === undefined ? {} : { intervalMs }
  return { clock, discarded, first: new FirstMade('it', options, (it) => discarded.push(it), clock) }
}

test('it is for whoever comes first, and is not discarded after that', () => {
  const { first, discarded } = made()
  expect([first.take(), first.take()]).toEqual(['it', undefined])
  first.drop()
  expect(discarded).toEqual([])
})

test.each([undefined, 30_000])(
  'whoever comes later than the interval (%o) does not get it: it is discarded',
  async (ms) => {
    const late = made(ms)
    await late.clock.advance(30_001)
    expect([late.first.take(), late.first.take()]).toEqual([undefined, undefined])
    expect(late.discarded).toEqual(['it'])
    const inTime = made(ms)
    await inTime.clock.advance(30_000)
    expect(inTime.first.take()).toBe('it')
    expect(inTime.discarded).toEqual([])
  },
)

test('without an interval it does not age', async () => {
  const { clock, first } = made(false)
  await clock.advance(2 ** 31)
  expect(first.take()).toBe('it')
})

test('what is dropped is discarded once, and nobody gets it', () => {
  const { first, discarded } = made()
  for (let n = 0; n < 2; n++) first.drop()
  expect(first.take()).toBeUndefined()
  expect(discarded).toEqual(['it'])
})

test('who does not say what becomes of it need not', () => {
  const first = new FirstMade('it', {})
  first.drop()
  expect(first.take()).toBeUndefined()
})
