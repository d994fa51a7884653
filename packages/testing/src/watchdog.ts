import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Waits until its input ends, which the kernel sees to however its parent ends, and then leaves nothing behind.
 * A frozen process ignores every signal but SIGCONT and SIGKILL, so everything is woken up first.
 */
const script = `
trap '' HUP INT TERM
pids=
while read -r act pid farewell; do
  case $act in
    guard) pids="$pids $pid"; eval "farewell_$pid=$farewell" ;;
    release)
      rest=
      for each in $pids; do [ "$each" = "$pid" ] || rest="$rest $each"; done
      pids=$rest ;;
  esac
done
tree() { echo "$1"; cat "/proc/$1/task/$1/children" 2>/dev/null || pgrep -P "$1"; }
send() { for each in $2; do kill "-$1" "$each"; done; }
for pid in $pids; do
  all=$(tree "$pid")
  send CONT "$all"
  eval "farewell=\\$farewell_$pid"
  send "$farewell" "$pid"
done
runs() {
  kill -0 "$1" || return 1
  # In a container nobody may reap what has ended.
  case $(cat "/proc/$1/stat" 2>/dev/null) in *") Z "*) return 1 ;; esac
}
left=30
for pid in $pids; do
  while runs "$pid" && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
  runs "$pid" || continue
  send STOP "$pid"
  all=$(tree "$pid")
  send KILL "$all"
done
for try in 1 2 3 4 5; do rm -rf "$1" && exit; sleep 0.2; done
`

/**
 * A process of its own that outlives this one by a moment, ends what was started here and removes the directory.
 * It needs no handler on this process, so exit codes and signals stay the application's own, and it also does its
 * work when this process gets SIGKILL. It does not keep this process alive.
 */
export class Watchdog {
  readonly #input: NodeJS.WritableStream

  /** `onError` hears of a watchdog that could not be started. */
  constructor(directory: string, onError: (error: Error) => void) {
    const options: SpawnOptions = { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] }
    const watchdog = spawn('/bin/sh', ['-c', script, 'periodic-flush-testing', directory], options)
    watchdog.once('error', onError)
    watchdog.unref()
    if (!(watchdog.stdin instanceof Socket)) throw new TypeError('Expected the input of the watchdog to be a socket')
    watchdog.stdin.unref()
    // Somebody who kills the watchdog has ended the protection; that is no reason to end the tests as well.
    watchdog.stdin.on('error', () => undefined)
    this.#input = watchdog.stdin
  }

  /** Starts a process that ends at the latest when this process does, by `farewell` if it heeds that. */
  spawn(command: string, args: readonly string[], options: SpawnOptions, farewell: NodeJS.Signals): ChildProcess {
    const child = spawn(command, args, options)
    if (child.pid !== undefined) {
      this.#input.write(`guard ${child.pid} ${farewell.slice('SIG'.length)}\n`)
      // Its number may be given to a stranger's process from now on.
      child.once('exit', () => this.#input.write(`release ${child.pid}\n`))
    }
    return child
  }
}
