import { expect, test } from 'vitest'
import { backoff } from '../src/backoff.ts'

test('the wait doubles with each failure in a row, up to the longest', () => {
  expect([1, 2, 3, 4, 5].map((failures) => backoff(failures, 100, 1_000, () => 0))).toEqual([100, 200, 400, 800, 1_000])
})

test('chance shortens it, by up to a half', () => {
  expect([0, 0.5, 1].map((random) => backoff(2, 100, 1_000, () => random))).toEqual([200, 150, 100])
})
