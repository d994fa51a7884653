import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

// Programs of their own use the package as it is published, so it has to be built.
const program = fileURLToPath(new URL('programs/start.js', import.meta.url))

interface Left {
  readonly pids: readonly number[]
  readonly directories: readonly string[]
}

function run(end: string, kind = 'postgres'): ChildProcess {
  // A process group of its own, as a terminal gives to what it runs.
  return spawn(process.execPath, [program, end, kind], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function started(child: ChildProcess): Promise<Left> {
  const errors: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
  const line = await nextLine(child)
  if (line === undefined) throw new Error(`The program ended too early:\n${errors.join('')}`)
  return JSON.parse(line)
}

/** The programs write a line at a time, each in answer to something; undefined at the end. */
async function nextLine({ stdout }: ChildProcess): Promise<string | undefined> {
  if (!stdout) throw new TypeError('Expected a pipe')
  const [chunk] = await Promise.race([once(stdout, 'data'), once(stdout, 'end')])
  return chunk?.toString().trimEnd()
}

async function ended(child: ChildProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.signalCode ?? child.exitCode ?? 'unknown'
}

/** Processes that still run, by what the system says of them; one that only waits to be reaped is none. */
function running(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim()
      return !state.startsWith('Z')
    } catch {
      return false
    }
  })
}

/** The data directories, and the one of the program that they lie in. */
function existing({ directories }: Left): string[] {
  return directories.flatMap((data) => [data, dirname(dirname(data))]).filter((path) => existsSync(path))
}

async function expectNothingLeft(left: Left): Promise<void> {
  const leftovers = () => ({ running: running(left.pids), existing: existing(left) })
  await expect.poll(leftovers, { timeout: 15_000, interval: 50 }).toEqual({ running: [], existing: [] })
}

test.each([{ signal: 'SIGKILL' }, { signal: 'SIGTERM' }, { signal: 'SIGHUP' }] as const)(
  'nothing is left when the process gets $signal',
  async ({ signal }) => {
    const child = run('wait')
    const left = await started(child)
    expect(running(left.pids)).toEqual(left.pids)
    child.kill(signal)
    expect(await ended(child)).toBe(signal)
    await expectNothingLeft(left)
  },
)

test.runIf(mariadbInstalled).each([
  { end: 'wait', kill: 'SIGKILL' },
  { end: 'return', kill: undefined },
] as const)('nothing is left of MariaDB servers either ($end)', async ({ end, kill }) => {
  const child = run(end, 'mariadb')
  const left = await started(child)
  if (kill !== undefined) child.kill(kill)
  expect(await ended(child)).toBe(kill ?? 7)
  await expectNothingLeft(left)
})

test.each([
  { end: 'wait', kill: 'SIGKILL' },
  { end: 'return', kill: undefined },
  { end: 'stop', kill: undefined },
] as const)('nothing is left of a primary and its standby either ($end)', async ({ end, kill }) => {
  const child = run(end, 'replicated')
  const left = await started(child)
  if (kill !== undefined) child.kill(kill)
  expect(await ended(child)).toBe(kill ?? 7)
  await expectNothingLeft(left)
})

test('nothing is left after Ctrl-C in a terminal', async () => {
  const child = run('wait')
  const left = await started(child)
  if (child.pid === undefined) throw new TypeError('Expected a process')
  process.kill(-child.pid, 'SIGINT')
  expect(await ended(child)).toBe('SIGINT')
  await expectNothingLeft(left)
})

test('a process that handles Ctrl-C itself keeps its servers until it ends', async () => {
  const child = run('handle')
  const left = await started(child)
  if (child.pid === undefined) throw new TypeError('Expected a process')
  const answer = nextLine(child)
  process.kill(-child.pid, 'SIGINT')
  expect(await answer).toBe('{"blue":[{"one":1}],"green":[{"one":1}]}')
  expect(await ended(child)).toBe(7)
  await expectNothingLeft(left)
})

test.each([
  { how: 'calls process.exit', end: 'exit', code: 7 },
  { how: 'dies of an uncaught exception', end: 'throw', code: 1 },
  { how: 'ends by itself without stopping anything', end: 'return', code: 7 },
  { how: 'stops its servers and ends by itself', end: 'stop', code: 7 },
])('nothing is left, and the exit code is its own, when the process $how', async ({ end, code }) => {
  const child = run(end)
  const left = await started(child)
  expect(await ended(child)).toBe(code)
  await expectNothingLeft(left)
})
