// Breaks a copy of core in one place after the other, and runs its tests: each mutation must make one fail.
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mutations } from './mutations.mjs'

/** Enough for every mutation that is listed; the seed makes the answer the same each time. */
const RUNS = process.env.PERIODIC_FLUSH_RUNS ?? '400'
const SEED = process.env.PERIODIC_FLUSH_SEED ?? '1'
/** A mutation that makes the tests hang is caught by that. */
const LONGEST_MS = 120_000

const core = fileURLToPath(new URL('../../packages/core', import.meta.url))
const copy = await mkdtemp(join(tmpdir(), 'periodic-flush-mutations-'))
try {
  for (const part of ['src', 'test', 'package.json']) await cp(join(core, part), join(copy, part), { recursive: true })
  await symlink(join(core, 'node_modules'), join(copy, 'node_modules'))

  const untouched = await killers()
  if (untouched.length > 0) throw new Error(`The tests fail without any mutation: ${untouched.join('; ')}`)

  const only = process.argv[2]
  const survivors = []
  for (const mutation of mutations) {
    if (only !== undefined && !mutation.what.includes(only)) continue
    const restore = await apply(mutation)
    const [killer] = await killers()
    await restore()
    console.log(
      `${mutation.what} (${mutation.file})\n    ${killer === undefined ? 'SURVIVED' : `caught by: ${killer}`}`,
    )
    if (killer === undefined) survivors.push(mutation.what)
  }
  console.log(`${survivors.length} of ${mutations.length} mutations survived; seed ${SEED}, ${RUNS} runs of the model`)
  process.exitCode = survivors.length === 0 ? 0 : 1
} finally {
  await rm(copy, { recursive: true, force: true })
}

/** Breaks the copy; the function returned mends it. */
async function apply({ what, file, from, to }) {
  const path = join(copy, 'src', file)
  const source = await readFile(path, 'utf8')
  if (source.split(from).length !== 2) throw new Error(`'${what}': expected to find once in ${file}: ${from}`)
  await writeFile(
    path,
    source.replace(from, () => to),
  )
  return () => writeFile(path, source)
}

/** The tests that fail, at least the first one; or why there is no answer. */
async function killers() {
  const report = join(copy, 'report.json')
  await rm(report, { force: true })
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs')
  const options = ['--bail=1', '--reporter=json', `--outputFile=${report}`, '--testTimeout=10000', '--maxWorkers=2']
  const run = spawn(process.execPath, [vitest, 'run', ...options], {
    cwd: copy,
    stdio: 'ignore',
    env: { ...process.env, PERIODIC_FLUSH_RUNS: RUNS, PERIODIC_FLUSH_SEED: SEED, PERIODIC_FLUSH_SHRINK: '0' },
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  })
  const code = await new Promise((resolve) => run.once('exit', resolve))
  if (code === 0) return []
  const { testResults } = await readFile(report, 'utf8').then(JSON.parse, () => ({ testResults: [] }))
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => {
        const promise = /Caused by: Broken: (.*)|Broken: (.*)/.exec(failureMessages.join('\n'))
        return promise === null ? fullName : `${fullName} (${promise[1] ?? promise[2]})`
      }),
  )
  return failed.length > 0 ? failed : [code === null ? 'the tests hang' : 'an error outside of any test']
}
