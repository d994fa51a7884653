import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseServer } from '@periodic-flush/testing'

/** Asks servers how many backends they have, again and again, and keeps the most that one of them had at once. */
export class Peak {
  readonly #watches: ReadonlyMap<DatabaseServer, Watch>

  constructor(...servers: readonly DatabaseServer[]) {
    this.#watches = new Map(servers.map((server) => [server, new Watch(server)]))
  }

  /** Asks that server no more; resolves when no question is under way. */
  async leave(server: DatabaseServer): Promise<void> {
    await this.#watches.get(server)?.stop()
  }

  /** Asks no more; resolves with the peak. */
  async stop(): Promise<number> {
    const peaks = await Promise.all([...this.#watches.values()].map((watch) => watch.stop()))
    return Math.max(...peaks)
  }
}

class Watch {
  #state: 'watching' | 'stopped' = 'watching'
  #peak = 0
  readonly #done: Promise<void>

  constructor(server: DatabaseServer) {
    this.#done = this.#watch(server)
  }

  async stop(): Promise<number> {
    this.#state = 'stopped'
    await this.#done
    return this.#peak
  }

  async #watch(server: DatabaseServer): Promise<void> {
    while (this.#state === 'watching') {
      this.#peak = Math.max(this.#peak, (await server.backends()).length)
      await sleep(20)
    }
  }
}
