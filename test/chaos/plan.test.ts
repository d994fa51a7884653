import { expect, test } from 'vitest'
import { planOf } from './plan.ts'

test('a seed gives the same plan of faults each time, and another one another', () => {
  expect(planOf(7).slice(0, 100)).toEqual(planOf(7).slice(0, 100))
  expect(planOf(7).slice(0, 100)).not.toEqual(planOf(8).slice(0, 100))
})

test('every fault comes, with each of its endings, before one comes again', () => {
  const plan = planOf(1)
  const named = plan.map(({ fault, ending }) => `${fault} ${ending}`)
  const kinds = new Set(named).size
  expect(kinds).toBeGreaterThan(20)
  expect(new Set(named.slice(0, kinds)).size).toBe(kinds)
  expect(new Set(named.slice(kinds, 2 * kinds)).size).toBe(kinds)
  expect(new Set(plan.map(({ at }) => at))).toEqual(new Set(['serving', 'next']))
})
