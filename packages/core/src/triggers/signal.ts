import { constants } from 'node:os'
import { type Rule, verifyValue } from '../rule.ts'
import type { Trigger } from '../trigger.ts'

/** One listener per signal serves every client: Node warns of more than ten. */
const listening = new Map<NodeJS.Signals, Listening>()

/** No process can listen to these. */
const UNHEARD: readonly string[] = ['SIGKILL', 'SIGSTOP']

const heard: Rule = {
  expected: "the name of a signal, such as 'SIGUSR2'",
  kind: (value) => typeof value === 'string',
  range: (value: string) => Object.hasOwn(constants.signals, value) && !UNHEARD.includes(value),
}

/**
 * Flushes when the process gets a signal, as in `kill -USR2 <pid>`. Node then no longer does what it does by default on
 * that signal, for as long as the trigger watches.
 *
 * @throws TypeError if `name` is no string, RangeError if this system has no such signal that a process can listen to.
 */
export function signal(name: NodeJS.Signals): Trigger {
  verifyValue('name', name, heard)
  const all = listening.get(name) ?? new Listening(name)
  listening.set(name, all)
  return {
    name: 'signal',
    start(watched) {
      const flush = (): void => watched.flush({ reason: `signal ${name}` })
      all.add(flush)
      return () => all.delete(flush)
    },
  }
}

/** Everybody whom one signal flushes, and the process's listener for it. */
class Listening {
  readonly #name: NodeJS.Signals
  readonly #flushes = new Set<() => void>()
  readonly #listener = (): void => {
    for (const flush of this.#flushes) flush()
  }

  constructor(name: NodeJS.Signals) {
    this.#name = name
  }

  add(flush: () => void): void {
    if (this.#flushes.size === 0) process.on(this.#name, this.#listener)
    this.#flushes.add(flush)
  }

  delete(flush: () => void): void {
    if (this.#flushes.delete(flush) && this.#flushes.size === 0) process.off(this.#name, this.#listener)
  }
}
