import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** A process and those that it forked: what signals do to all of them. */
export class ProcessTree {
  readonly #root: number

  constructor(root: number) {
    this.#root = root
  }

  /** Sends a signal to the root alone. */
  signal(name: NodeJS.Signals): void {
    signal(this.#root, name)
  }

  /** Stops every process where it stands; each of them does when this returns, on Linux. */
  freeze(): void {
    // The root first: once it stands still, nothing new is forked while we look for what it forked before.
    stop(this.#root)
    const frozen = new Set<number>()
    for (;;) {
      const fresh = children(this.#root).filter((pid) => !frozen.has(pid))
      if (fresh.length === 0) return
      for (const pid of fresh) {
        stop(pid)
        frozen.add(pid)
      }
    }
  }

  /** Lets every process go on. */
  thaw(): void {
    for (const pid of children(this.#root)) signal(pid, 'SIGCONT')
    signal(this.#root, 'SIGCONT')
  }

  /** Ends every process at once. */
  kill(): void {
    this.freeze()
    for (const pid of [...children(this.#root), this.#root]) signal(pid, 'SIGKILL')
  }
}

/** What a process has forked, by way of what the platform has: minimal Linux images come without `pgrep`. */
function children(pid: number): number[] {
  return listing(pid).split(/\s+/).filter(Boolean).map(Number)
}

function listing(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  } catch {
    return spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout ?? ''
  }
}

/** Stops a process. A thread that runs stops when it notices, which takes a moment where all processors are busy. */
function stop(pid: number): void {
  signal(pid, 'SIGSTOP')
  while (threads(pid).some((state) => !'TtZX'.includes(state))) {}
}

/** The states of its threads, as Linux tells them; none where they are not told. */
function threads(pid: number): string[] {
  try {
    const stats = readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8'))
    // The name of the program stands before it, in brackets, and may hold anything.
    return stats.map((stat) => stat.slice(stat.lastIndexOf(')') + 2).charAt(0))
  } catch {
    return []
  }
}

/** Sends a signal; a process that has ended meanwhile needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
