import { expect, test } from 'vitest'
import { type Happening, outcomeOf, type Serving } from '../src/timeline.ts'

const blue: Serving = { address: '10.0.0.1', writable: true }
const demoted: Serving = { address: '10.0.0.1', writable: false }
const green: Serving = { address: '10.0.0.2', writable: true }
const refused: Serving = { failure: 'ECONNREFUSED', hang: false }

const fresh = (atMs: number, serving: Serving): Happening => ({ atMs, what: 'fresh', serving })
const held = (atMs: number, serving: Serving): Happening => ({ atMs, what: 'held', serving })

test('needed: the held connection stays where new ones no longer go', () => {
  const { verdict, because } = outcomeOf(
    [fresh(0, blue), held(0, blue), fresh(5_000, refused), fresh(8_500, green)],
    20_000,
  )
  expect(verdict).toBe('needed')
  expect(because).toEqual([
    'new connections could not write for 3.5 s',
    'the connection held since the start is still on 10.0.0.1, which still takes writes, 11.5 s after new ones went elsewhere',
  ])
})

test('needed: behind one address, the held connection is on the server that was demoted', () => {
  const { verdict } = outcomeOf([fresh(0, blue), held(0, blue), held(1_000, demoted)], 2_000)
  expect(verdict).toBe('needed')
})

test('not needed: the held connection was lost', () => {
  const { verdict, because } = outcomeOf(
    [fresh(0, blue), held(0, blue), held(900, { failure: '57P01', hang: false }), fresh(1_000, green)],
    2_000,
  )
  expect(verdict).toBe('not-needed')
  expect(because[0]).toContain('57P01')
})

test('needed: the held connection hangs', () => {
  const silent: Serving = { failure: 'no answer within 5000 ms', hang: true }
  const { verdict, because } = outcomeOf(
    [fresh(0, blue), held(0, blue), fresh(1_000, green), held(5_000, silent)],
    6_000,
  )
  expect(verdict).toBe('needed')
  expect(because).toEqual(['the connection held since the start hangs: no answer within 5000 ms'])
})

test('unknown: nothing happened, or both are down together', () => {
  expect(outcomeOf([fresh(0, blue), held(0, blue)], 1_000)).toMatchObject({ verdict: 'unknown', because: [] })
  expect(outcomeOf([fresh(0, refused)], 1_000).verdict).toBe('unknown')
  expect(outcomeOf([], 1_000).verdict).toBe('unknown')
})

test('the outage is the longest one, and does not count before the first connection that takes writes', () => {
  const happenings = [fresh(0, refused), fresh(500, blue), held(500, blue), fresh(600, demoted), fresh(700, blue)]
  expect(outcomeOf([...happenings, fresh(1_000, refused), fresh(2_000, demoted)], 3_000).because[0]).toBe(
    'new connections could not write for 2.0 s',
  )
  expect(outcomeOf(happenings, 3_000).because[0]).toBe('new connections could not write for 0.1 s')
})
