import { readdirSync } from 'node:fs'
import { inspect } from 'node:util'
import type { Happening } from './history.ts'

/** Keeps what a process says that nobody handled: rejections, exceptions, warnings of Node. */
export class Complaints implements Disposable {
  readonly all: Happening[] = []
  readonly #rejected = (reason: unknown): void => this.#keep('unhandled rejection', reason)
  readonly #thrown = (error: unknown): void => this.#keep('uncaught exception', error)
  readonly #warned = (warning: Error): void => this.#keep('warning', warning)

  constructor() {
    process.on('unhandledRejection', this.#rejected)
    process.on('uncaughtException', this.#thrown)
    process.on('warning', this.#warned)
  }

  [Symbol.dispose](): void {
    process.off('unhandledRejection', this.#rejected)
    process.off('uncaughtException', this.#thrown)
    process.off('warning', this.#warned)
  }

  #keep(kind: string, what: unknown): void {
    const text = what instanceof Error && what.stack !== undefined ? what.stack : inspect(what)
    // Drivers keep it out of sight.
    const query = typeof what === 'object' && what !== null ? Reflect.get(what, 'query') : undefined
    this.all.push({ at: performance.now(), what: `${kind}: ${text}${query === undefined ? '' : `\n    at ${query}`}` })
  }
}

/** How many file descriptors the process has open, where the platform tells. */
export function descriptors(): number | undefined {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : undefined
}
