import type { ChildProcess } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Engine, Listening } from './engine.ts'
import { TestingError } from './errors.ts'
import { ProcessTree } from './process-tree.ts'
import { openScratch } from './scratch.ts'
import { template } from './template.ts'

export interface ServerProcessOptions extends Listening {
  /** What the server is called in errors. */
  readonly name: string
}

const startTimeoutMs = 60_000
const keptLogLines = 20

/** The process of a server with a data directory of its own: whether it runs, and all that is done to it by signals. */
export class ServerProcess {
  readonly pid: number
  /** What it is called in errors. */
  readonly label: string
  readonly #engine: Engine
  readonly #child: ChildProcess
  readonly #tree: ProcessTree
  readonly #log: readonly string[]
  /** Resolves when the server has ended, whoever ended it, and its data directory is gone. */
  readonly #gone: Promise<void>
  #state: 'running' | 'frozen' | 'ended' = 'running'
  #stopping: Promise<void> | undefined

  private constructor(engine: Engine, label: string, child: ChildProcess, directory: string, log: readonly string[]) {
    if (child.pid === undefined) throw new TypeError('Expected a running process to have an id')
    this.pid = child.pid
    this.#engine = engine
    this.label = label
    this.#child = child
    this.#tree = new ProcessTree(child.pid)
    this.#log = log
    this.#gone = exit(child).then(async () => {
      this.#state = 'ended'
      await remove(directory)
    })
    // Whoever stops the server hears of a failure; when nobody does, the watchdog still removes the directory.
    this.#gone.catch(() => undefined)
  }

  /** Starts a server; resolves when it accepts connections. */
  static async start(engine: Engine, options: ServerProcessOptions): Promise<ServerProcess> {
    const [scratch, source] = await Promise.all([openScratch(), template(engine)])
    const directory = await scratch.makeDirectory('server-')
    const data = join(directory, 'data')
    try {
      await scratch.run('cp', ['-R', source, data])
      await engine.prepare(data, options)
      const { file, args } = await engine.command(data, options)
      const child = scratch.spawn(
        file,
        args,
        { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
        engine.shutdowns[0].signal,
      )
      const log = await ready(child, engine, options)
      const { host, port, name } = options
      const address = `${host}:${port}`
      const label = name === address ? `${engine.name} at ${address}` : `${engine.name} "${name}" at ${address}`
      return new ServerProcess(engine, label, child, directory, log)
    } catch (error) {
      await remove(directory)
      throw error
    }
  }

  /** `running`, `frozen` by `freeze`, or `stopped`, by `stop` or in any other way. */
  get state(): 'running' | 'frozen' | 'stopped' {
    return this.#stopping !== undefined || this.#state === 'ended' ? 'stopped' : this.#state
  }

  /** Throws unless it can be asked something now. */
  expectRunning(): void {
    this.#expectNotStopped()
    if (this.state === 'frozen') throw new TestingError('FROZEN', `${this.label} is frozen: thaw it first`)
  }

  /** Stops every process of the server where it stands; throws if it has ended. */
  freeze(): void {
    this.#expectNotStopped()
    this.#tree.freeze()
    this.#state = 'frozen'
  }

  /** Lets every process go on; throws if it has ended. */
  thaw(): void {
    this.#expectNotStopped()
    this.#thaw()
  }

  /** Ends the server, frozen or not. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#child.ref()
    for (const { signal, patienceMs } of this.#engine.shutdowns) {
      if (this.#state === 'ended') break
      this.#thaw()
      this.#tree.signal(signal)
      if (await this.#goneWithin(patienceMs)) return
    }
    if (this.#state !== 'ended') this.#tree.kill()
    await this.#gone
  }

  #thaw(): void {
    this.#tree.thaw()
    this.#state = 'running'
  }

  async #goneWithin(patienceMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, patienceMs, false)
    })
    try {
      return await Promise.race([this.#gone.then(() => true), patience])
    } finally {
      clearTimeout(timer)
    }
  }

  #expectNotStopped(): void {
    if (this.state !== 'stopped') return
    if (this.#stopping) throw new TestingError('STOPPED', `${this.label} is stopped`)
    throw new TestingError('STOPPED', `${this.label} has ended by itself:\n${this.#log.join('\n')}`)
  }
}

/** Waits for the server to accept connections; resolves with its last log lines, which go on being kept. */
async function ready(child: ChildProcess, engine: Engine, { host, port }: Listening): Promise<readonly string[]> {
  const log: string[] = []
  if (!(child.stderr instanceof Socket)) throw new TypeError('Expected the log of the server to be a socket')
  const lines = createInterface({ input: child.stderr })
  const failed = (why: string, cause?: Error): TestingError => {
    const taken = log.some((line) => line.includes('Address already in use'))
    const message = `${engine.name} did not start at ${host}:${port}: ${why}\n${log.join('\n')}`
    return new TestingError(taken ? 'PORT_TAKEN' : 'START_FAILED', message.trimEnd(), { cause })
  }
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        log.push(line)
        if (log.length > keptLogLines) log.shift()
        if (line.includes(engine.readyLine)) resolve()
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
