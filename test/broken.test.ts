import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import type { Defect } from './conformance/subjects/broken.ts'

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

// Each starts a Vitest, and servers in it.
vi.setConfig({ testTimeout: 300_000 })

/** Runs tests of the suite, by name, on a driver with that defect; says how many of them failed and passed. */
function failuresOf(defect: Defect, files: readonly string[], names: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const paths = files.map((file) => `test/conformance/${file}`)
    const child = spawn(process.execPath, [vitest, 'run', ...paths, '-t', names.join('|')], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...process.env, BROKEN_SUBJECT: defect, NO_COLOR: '1', VITEST_MAX_WORKERS: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', () => resolve(/^ *Tests .*\(\d+\)$/m.exec(output)?.[0] ?? output))
  })
}

const cases: [Defect, string, string][] = [
  ['leaks', 'flush.test.ts', 'leaves the old server-side connections gone'],
  ['checks nothing', 'failures.test.ts', 'no server answers'],
  ['cuts nothing', 'deadline.test.ts', 'is cut when that is asked for'],
  ['takes more than its limit', 'flush.test.ts', '200 times'],
]

test.each(cases)('a driver that %s fails the suite', async (defect, file, name) => {
  expect(await failuresOf(defect, [file], [name])).toContain('1 failed')
})

test('without a defect the same driver passes each of these tests', async () => {
  const files = new Set(cases.map(([, file]) => file))
  const names = cases.map(([, , name]) => name)
  expect(await failuresOf('none', [...files], names)).toMatch(new RegExp(`Tests +${cases.length} passed`))
})
