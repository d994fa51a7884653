import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { eventually } from '../conformance/eventually.ts'

/** A name that an example's process sees at an address, until it is told to move it. */
export interface MovingName {
  readonly name: string
  readonly address: string
}

/** An example that runs as a process of its own, on free ports. */
export class Example implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown[]>
  #output = ''

  constructor(name: string, env: Record<string, string>, moving?: MovingName) {
    const { DATABASE_URL: _, ...inherited } = process.env
    const names = moving && { MOVING_NAME: moving.name, MOVING_ADDRESS: moving.address }
    const preload = moving ? ['--import', new URL('moving-name.mjs', import.meta.url).href] : []
    const main = fileURLToPath(new URL(`../../examples/${name}/dist/main.js`, import.meta.url))
    this.#process = spawn(process.execPath, [...preload, main], {
      env: { ...inherited, PORT: '0', ADMIN_PORT: '0', ...names, ...env },
      stdio: ['ignore', 'pipe', 'pipe', moving ? 'ipc' : 'ignore'],
      // A group of its own, so that no process of it is left when a test fails.
      detached: true,
    })
    this.#ended = once(this.#process, 'close')
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk
      })
    }
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output
  }

  /** The first group of `pattern` in what it writes, as soon as it is there. Rejects if it ends without. */
  async says(pattern: RegExp): Promise<string> {
    const ended = this.#ended.then(() => {
      throw new Error(`it ended without saying ${pattern}:\n${this.#output}`)
    })
    const match = () => pattern.exec(this.#output)?.[1]
    await Promise.race([eventually(match, (found) => found !== undefined), ended])
    return match() ?? ''
  }

  /** Moves the name, for this process alone. */
  moveTo(address: string): void {
    this.#process.send(address)
  }

  /** Asks it to end, as a process manager does. */
  terminate(): void {
    this.#process.kill('SIGTERM')
  }

  /** Its exit code once it has ended; null if a signal ended it. */
  async ended(): Promise<unknown> {
    const [code] = await this.#ended
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
    await this.#ended
  }
}

/** Whether nobody listens on the port of `url`, at its host or another. */
export function refused(url: string, host = new URL(url).hostname): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    // Any other error comes from somebody who listened when we connected, and stops just now.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}
