import type { ChildProcess, SpawnOptions } from 'node:child_process'
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

/** A process that accepts connections, and its last log lines, which go on being kept. */
interface Launched {
  readonly child: ChildProcess
  readonly log: readonly string[]
}

/** The process of a server with a data directory of its own: whether it runs, and all that is done to it by signals. */
export class ServerProcess {
  /** What it is called in errors. */
  readonly label: string
  readonly #engine: Engine
  readonly #options: ServerProcessOptions
  readonly #directory: string
  #child: ChildProcess
  #tree: ProcessTree
  #log: readonly string[]
  /** Resolves when the process has ended, whoever ended it, and unless it restarts its data directory is gone. */
  #gone: Promise<void>
  #state: 'running' | 'frozen' | 'ended' = 'running'
  #restarting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  private constructor(engine: Engine, options: ServerProcessOptions, directory: string, launched: Launched) {
    this.#engine = engine
    this.#options = options
    this.#directory = directory
    const { host, port, name } = options
    const address = `${host}:${port}`
    this.label = name === address ? `${engine.name} at ${address}` : `${engine.name} "${name}" at ${address}`
    this.#child = launched.child
    this.#tree = new ProcessTree(idOf(launched.child))
    this.#log = launched.log
    this.#gone = this.#untilGone(launched.child)
  }

  /** Starts a server; resolves when it accepts connections. */
  static async start(engine: Engine, options: ServerProcessOptions): Promise<ServerProcess> {
    const [scratch, source] = await Promise.all([openScratch(), template(engine)])
    const directory = await scratch.makeDirectory('server-')
    const data = dataIn(directory)
    try {
      await scratch.run('cp', ['-R', source, data])
      await engine.prepare(data, options)
      return new ServerProcess(engine, options, directory, await launch(engine, options, directory))
    } catch (error) {
      await remove(directory)
      throw error
    }
  }

  get pid(): number {
    return idOf(this.#child)
  }

  /** `running`, `frozen` by `freeze`, or `stopped`, by `stop`, while it restarts, or in any other way. */
  get state(): 'running' | 'frozen' | 'stopped' {
    const stopped = this.#stopping !== undefined || this.#restarting !== undefined
    return stopped || this.#state === 'ended' ? 'stopped' : this.#state
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

  /** Ends the server, frozen or not, and starts it again on its data; calls meanwhile share that. */
  restart(): Promise<void> {
    if (this.#restarting === undefined) {
      this.#expectNotStopped()
      this.#restarting = this.#restart().finally(() => {
        this.#restarting = undefined
      })
    }
    return this.#restarting
  }

  /** Ends the server, frozen or not; one that restarts does so first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #restart(): Promise<void> {
    await this.#end()
    try {
      const { child, log } = await launch(this.#engine, this.#options, this.#directory)
      this.#child = child
      this.#tree = new ProcessTree(idOf(child))
      this.#log = log
      this.#state = 'running'
      this.#gone = this.#untilGone(child)
    } catch (error) {
      await remove(this.#directory)
      throw error
    }
  }

  async #stop(): Promise<void> {
    // Whoever restarts it hears of a failure; nothing is left to stop then.
    await this.#restarting?.catch(() => undefined)
    await this.#end()
  }

  async #end(): Promise<void> {
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

  #untilGone(child: ChildProcess): Promise<void> {
    const gone = exit(child).then(async () => {
      this.#state = 'ended'
      if (this.#restarting === undefined) await remove(this.#directory)
    })
    // Whoever stops the server hears of a failure; when nobody does, the watchdog still removes the directory.
    gone.catch(() => undefined)
    return gone
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
    if (this.#restarting) throw new TestingError('STOPPED', `${this.label} restarts`)
    throw new TestingError('STOPPED', `${this.label} has ended by itself:\n${this.#log.join('\n')}`)
  }
}

function dataIn(directory: string): string {
  return join(directory, 'data')
}

function idOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new TypeError('Expected a running process to have an id')
  return child.pid
}

/** Runs a server on its data; resolves when it accepts connections. */
async function launch(engine: Engine, options: ServerProcessOptions, directory: string): Promise<Launched> {
  const scratch = await openScratch()
  const { file, args } = await engine.command(dataIn(directory), options)
  const spawned = { detached: true, stdio: ['ignore', 'ignore', 'pipe'] } satisfies SpawnOptions
  const child = scratch.spawn(file, args, spawned, engine.shutdowns[0].signal)
  return { child, log: await ready(child, engine, options) }
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
