import type { PostgresServer } from '@periodic-flush/testing'
import type { Load } from './load.ts'

const EVERY_MS = 100

/** Asks the servers how many connections each client has, and keeps the most that one server had at once. */
export class ConnectionWatch {
  readonly #loads: readonly Load[]
  readonly #servers: readonly PostgresServer[]
  readonly #counts = new Map<PostgresServer, Map<string, number>>()
  readonly #timer: NodeJS.Timeout
  #state: 'watching' | 'paused' | 'stopped' = 'watching'
  #round: Promise<void> | undefined

  constructor(loads: readonly Load[], servers: readonly PostgresServer[]) {
    this.#loads = loads
    this.#servers = servers
    this.#timer = setInterval(() => {
      if (this.#state === 'watching') this.#round ??= this.#look().finally(() => (this.#round = undefined))
    }, EVERY_MS)
  }

  /** How many connections `load` has on `server`; undefined while the server cannot be asked. */
  count(load: Load, server: PostgresServer): number | undefined {
    if (server.state !== 'running') return undefined
    return this.#counts.get(server)?.get(load.contender.name) ?? 0
  }

  /** Resolves once no server is being asked: a question that is under way when one freezes has no answer. */
  async pause(): Promise<void> {
    this.#state = 'paused'
    await this.#round
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'watching'
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    clearInterval(this.#timer)
    await this.#round
  }

  async #look(): Promise<void> {
    for (const server of this.#servers.filter(({ state }) => state === 'running')) {
      const counts = new Map<string, number>()
      for (const { applicationName } of await server.backends()) {
        counts.set(applicationName, (counts.get(applicationName) ?? 0) + 1)
      }
      this.#counts.set(server, counts)
      for (const load of this.#loads) load.peak = Math.max(load.peak, counts.get(load.contender.name) ?? 0)
    }
  }
}
