import { expect, test } from 'vitest'
import { mariadbInstalled } from '../mariadb-installed.ts'
import { chaos } from './chaos.ts'
import { report, verdict } from './verdict.ts'

/** Chosen for what its first faults are: some that move the name, some that hang, some that break. */
const SEED = 3

test('every client keeps every rule under chaos', { timeout: 300_000 }, async () => {
  const evidence = await chaos({ seed: SEED, ms: 20_000 })
  expect(report(verdict(evidence), evidence.happenings)).toBe('')
  // What it was about has happened.
  expect(evidence.expected.size).toBe(mariadbInstalled ? 13 : 8)
  expect(evidence.happenings.length).toBeGreaterThan(4)
  expect(evidence.statements.some(({ outcome }) => outcome !== 'acknowledged')).toBe(true)
})
