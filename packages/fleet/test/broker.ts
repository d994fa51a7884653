import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

/** A message broker that runs in a process of its own. */
export interface Broker extends AsyncDisposable {
  /** Holds all that it writes; removed at its end. */
  readonly directory: string
  /** What it has said so far. */
  readonly log: readonly string[]
}

/** Programs that look after servers are seldom in a user's PATH. */
const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/bin', '/usr/local/sbin', '/usr/sbin']

function found(program: string): string | undefined {
  return places
    .map((place) => join(place, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** Whether to run these tests: where the machine has the program, and in any case where nothing may be skipped. */
export function installed(program: string, debianPackage = program): boolean {
  const runs = found(program) !== undefined || process.env['CI'] === 'true'
  if (!runs) {
    console.warn(
      `Skipped what needs ${program}, which is not installed (Debian and Ubuntu: apt-get install ${debianPackage})`,
    )
  }
  return runs
}

/**
 * Ends the program when its own input ends, which the kernel sees to however a test run ends, and removes the directory
 * once the program has ended.
 */
const guard = `
directory=$1
shift
exec 3<&0
"$@" &
pid=$!
(cat <&3; kill "$pid") >/dev/null 2>&1 &
wait "$pid"
rm -rf "$directory"
`

/** Starts a program in a directory of its own; resolves when one of its lines says that it is ready. */
export async function startBroker(
  program: string,
  args: (directory: string) => string[],
  readyLine: string,
): Promise<Broker> {
  const path = found(program)
  if (path === undefined) throw new Error(`${program} is not installed (Debian and Ubuntu: apt-get install ${program})`)
  const directory = await mkdtemp(join(tmpdir(), 'periodic-flush-'))
  const child = spawn('sh', ['-c', guard, 'sh', directory, path, ...args(directory)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  ended.then(() => child.stdin.destroy())
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        lines.push(line)
        if (line.includes(readyLine)) resolve()
      })
    }
    child.once('error', reject)
    ended.then(() => reject(new Error(`${program} ended:\n${lines.join('\n')}`)))
  })
  return {
    directory,
    log: lines,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}
