import { type ChildProcess, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findBinaries } from './binaries.ts'
import { TestingError } from './errors.ts'
import { openScratch } from './scratch.ts'
import { template } from './template.ts'

/** How clients log in: by password, or without any check. */
export type Authentication = 'scram-sha-256' | 'trust'

/** Settings that others here rely on, or that an option is there for. */
export const reservedSettings: ReadonlySet<string> = new Set([
  'config_file',
  'data_directory',
  'dynamic_shared_memory_type',
  'hba_file',
  'lc_messages',
  'listen_addresses',
  'log_destination',
  'log_min_messages',
  'logging_collector',
  'max_connections',
  'port',
  'unix_socket_directories',
])

export interface PostmasterOptions {
  readonly host: string
  readonly port: number
  readonly auth: Authentication
  readonly settings: Readonly<Record<string, string>>
}

const startTimeoutMs = 60_000
const keptLogLines = 20

/** How long each way of shutting down may take before the next one, which asks for less, is tried. */
const shutdowns = [
  { signal: 'SIGINT', patienceMs: 5_000 },
  { signal: 'SIGQUIT', patienceMs: 7_000 },
] as const

/** The process of a server and those that it forked: all that is done to them by signals. */
export class Postmaster {
  readonly pid: number
  /** Resolves when the server has ended, whoever ended it, and its data directory is gone. */
  readonly gone: Promise<void>
  readonly #child: ChildProcess
  readonly #log: readonly string[]
  #state: 'running' | 'frozen' | 'ended' = 'running'
  #stopping: Promise<void> | undefined

  private constructor(child: ChildProcess, pid: number, directory: string, log: readonly string[]) {
    this.pid = pid
    this.#child = child
    this.#log = log
    this.gone = exit(child).then(async () => {
      this.#state = 'ended'
      await remove(directory)
    })
    // Whoever stops the server hears of a failure; when nobody does, the watchdog still removes the directory.
    this.gone.catch(() => undefined)
  }

  /** Starts a server with a data directory of its own; resolves when it accepts connections. */
  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const [scratch, source, { postgres }] = await Promise.all([openScratch(), template(), findBinaries()])
    const directory = await scratch.makeDirectory('server-')
    const data = join(directory, 'data')
    try {
      await scratch.run('cp', ['-R', source, data])
      await writeFile(join(data, 'pg_hba.conf'), hostBasedAuthentication(options.auth))
      const child = scratch.spawn(postgres, commandLine(data, options), {
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const log = await ready(child, options)
      if (child.pid === undefined) throw new TypeError('Expected a running process to have an id')
      return new Postmaster(child, child.pid, directory, log)
    } catch (error) {
      await remove(directory)
      throw error
    }
  }

  get state(): 'running' | 'frozen' | 'ended' {
    return this.#state
  }

  /** The last lines that the server logged, to say why it ended. */
  get lastWords(): string {
    return this.#log.join('\n')
  }

  /** Stops every process of the server where it stands. */
  freeze(): void {
    if (this.#state === 'ended') return
    // The postmaster first: once it stands still, nothing new is forked while we look for what it forked before.
    signal(this.pid, 'SIGSTOP')
    const frozen = new Set<number>()
    for (;;) {
      const fresh = children(this.pid).filter((pid) => !frozen.has(pid))
      if (fresh.length === 0) break
      for (const pid of fresh) {
        signal(pid, 'SIGSTOP')
        frozen.add(pid)
      }
    }
    this.#state = 'frozen'
  }

  /** Lets every process go on. */
  thaw(): void {
    if (this.#state === 'ended') return
    for (const pid of children(this.pid)) signal(pid, 'SIGCONT')
    signal(this.pid, 'SIGCONT')
    this.#state = 'running'
  }

  /** Ends the server, frozen or not. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#child.ref()
    for (const shutdown of shutdowns) {
      if (this.#state === 'ended') break
      this.thaw()
      signal(this.pid, shutdown.signal)
      if (await this.#goneWithin(shutdown.patienceMs)) return
    }
    if (this.#state !== 'ended') {
      this.freeze()
      for (const pid of [...children(this.pid), this.pid]) signal(pid, 'SIGKILL')
    }
    await this.gone
  }

  async #goneWithin(patienceMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, patienceMs, false)
    })
    try {
      return await Promise.race([this.gone.then(() => true), patience])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** From anywhere: which source address a connection to 127.0.0.2 has depends on the platform. */
function hostBasedAuthentication(method: Authentication): string {
  return ['all', 'replication'].map((database) => `host ${database} all all ${method}\n`).join('')
}

function commandLine(data: string, { host, port, settings }: PostmasterOptions): string[] {
  const all = {
    // The data lives no longer than the test: nothing has to survive a power cut.
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '16MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
    // Nothing outside of the data directory, so that removing it leaves nothing behind.
    dynamic_shared_memory_type: 'mmap',
    unix_socket_directories: '',
    listen_addresses: host,
    // How we learn that the server is ready, and why it is not.
    logging_collector: 'off',
    log_destination: 'stderr',
    log_min_messages: 'warning',
    lc_messages: 'C',
  }
  return ['-D', data, '-p', String(port), ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])]
}

/** Waits for the server to accept connections; resolves with its last log lines, which go on being kept. */
async function ready(child: ChildProcess, { host, port }: PostmasterOptions): Promise<readonly string[]> {
  const log: string[] = []
  if (!(child.stderr instanceof Socket)) throw new TypeError('Expected the log of the server to be a socket')
  const lines = createInterface({ input: child.stderr })
  const failed = (why: string, cause?: Error): TestingError => {
    const taken = log.some((line) => line.includes('Address already in use'))
    const message = `PostgreSQL did not start at ${host}:${port}: ${why}\n${log.join('\n')}`
    return new TestingError(taken ? 'PORT_TAKEN' : 'START_FAILED', message.trimEnd(), { cause })
  }
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        log.push(line)
        if (log.length > keptLogLines) log.shift()
        if (line.includes('database system is ready to accept connections')) resolve()
      })
      child.once('error', (error) => reject(failed(error.message, error)))
      child.once('close', (code, name) => reject(failed(`it ended with ${name ?? `exit code ${code}`}`)))
      timer = setTimeout(() => {
        child.kill('SIGQUIT')
        reject(failed(`not ready after ${startTimeoutMs} ms`))
      }, startTimeoutMs)
    })
  } finally {
    clearTimeout(timer)
  }
  // A server that nobody stops must not keep the process alive: its end ends the server.
  child.unref()
  child.stderr.unref()
  return log
}

function exit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode === null && child.signalCode === null) child.once('exit', () => resolve())
    else resolve()
  })
}

async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 })
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

/** Sends a signal; a process that has ended meanwhile needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
