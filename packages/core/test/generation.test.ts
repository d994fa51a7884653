import { expect, test } from 'vitest'
import type { Driver } from '../src/driver.ts'
import { Generation } from '../src/generation.ts'
import { holder } from './scripted-driver.ts'

const silent: Driver<object> = {
  name: 'silent',
  open: () => ({}),
  check: async () => {},
  close: async () => {},
  cut: () => {},
}

test('what runs is told oldest first, each with its age', () => {
  const generation = opened(silent)
  const oldest = generation.lease(holder('query'), 1_000)
  const ended = generation.lease(holder('reserved'), 1_500)
  generation.lease(holder('transaction'), 2_000)
  ended.release()
  expect(generation.stragglers(5_000)).toEqual([
    { kind: 'query', ageMs: 4_000 },
    { kind: 'transaction', ageMs: 3_000 },
  ])
  oldest.release()
  expect(generation.stragglers(5_000)).toEqual([{ kind: 'transaction', ageMs: 3_000 }])
})

test('a lease of a listener is none on the client’s own connections, neither while it is out nor when it ends', () => {
  const generation = opened(silent)
  const listener = generation.lease(holder('listener'), 0)
  generation.lease(holder(), 0)
  expect(generation).toMatchObject({ leases: 2, pooled: 1, peak: 1 })
  listener.release()
  expect(generation).toMatchObject({ leases: 1, pooled: 1 })
})

test('a driver that tells nothing has no limit and no peers', () => {
  expect(opened(silent)).toMatchObject({ limit: Number.POSITIVE_INFINITY, peers: [] })
})

test('where the driver does not tell its connections, it is taken to have as many as were ever out at once', () => {
  const generation = opened({ ...silent, limit: () => 3 })
  generation.state = 'current'
  const leases = [1, 2].map(() => generation.lease(holder(), 0))
  for (const lease of leases) lease.release()
  expect(generation.connections).toBe(2)
  for (let more = 0; more < 5; more++) generation.lease(holder(), 0)
  expect(generation.connections).toBe(3)
})

test('once what is idle is closed, only those count that are out', () => {
  const generation = opened(silent)
  const [first] = [1, 2].map(() => generation.lease(holder(), 0))
  first?.release()
  generation.state = 'retiring'
  expect(generation.connections).toBe(2)
  generation.asked = 2
  generation.shed(1)
  expect(generation.connections).toBe(1)
})

test('what the driver tells counts, but never less than what is out or was asked for', () => {
  const told = { connections: 1 }
  const generation = opened({ ...silent, connections: () => told.connections })
  for (let lease = 0; lease < 3; lease++) generation.lease(holder(), 0)
  expect(generation.connections).toBe(3)
  told.connections = 5
  expect(generation.connections).toBe(5)
  generation.asked = 7
  expect(generation.connections).toBe(7)
})

function opened(driver: Driver<object>): Generation<object> {
  return new Generation(
    1,
    {},
    0,
    driver,
    () => {},
    () => {},
  )
}
