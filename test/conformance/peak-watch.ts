import type { Backend } from '@periodic-flush/testing'
import type { Server } from './dialect.ts'
import { heldPorts } from './held-sockets.ts'

/**
 * Keeps asking a server how many connections clients have, and keeps the most there were at once: those whose socket this
 * process still holds when the answer comes. What it has closed before, a busy server lists for a while yet.
 */
export class PeakWatch {
  peak = 0
  readonly #server: Server
  readonly #database: string | undefined
  readonly #apart: (backend: Backend) => boolean
  readonly #done: Promise<void>
  #watching = true

  /** `database`: only connections to it; `apart`: those that do not count. */
  constructor(server: Server, database: string | undefined, apart: (backend: Backend) => boolean) {
    this.#server = server
    this.#database = database
    this.#apart = apart
    this.#done = this.#watch()
  }

  async stop(): Promise<number> {
    this.#watching = false
    await this.#done
    return this.peak
  }

  async #count(): Promise<number> {
    // A frozen server answers nothing, and takes no new connection either.
    if (this.#server.state !== 'running') return 0
    const backends = await this.#server.backends(this.#database === undefined ? {} : { database: this.#database })
    const held = heldPorts()
    const isHeld = ({ clientPort }: Backend): boolean => clientPort === null || held.has(clientPort)
    return backends.filter((backend) => isHeld(backend) && !this.#apart(backend)).length
  }

  async #watch(): Promise<void> {
    while (this.#watching) {
      this.peak = Math.max(this.peak, await this.#count())
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
