import type { Flusher } from '@periodic-flush/core'
import { type Client, noop } from './client.ts'
import type { StableOptions } from './options.ts'
import { Sockets } from './sockets.ts'

/**
 * The client behind `subscribe`, made when it is first needed. It takes no part in the rotation: its replication slot
 * lives and dies with its connection, so that a second one would begin elsewhere in the stream.
 */
export class Subscription {
  readonly #flusher: Flusher<Client>
  readonly #factory: () => Client
  readonly #options: StableOptions
  #client: Client | undefined
  #sockets: Sockets | undefined

  constructor(flusher: Flusher<Client>, factory: () => Client, options: StableOptions) {
    this.#flusher = flusher
    this.#factory = factory
    this.#options = options
  }

  async subscribe(args: readonly unknown[]): Promise<unknown> {
    // Rejects in the flusher's words.
    if (this.#flusher.closed) await this.#flusher.run('query', async () => undefined)
    if (this.#client === undefined) {
      this.#client = this.#factory()
      const { sql } = this.#client.subscribe
      // Read at each message; natively they are those of the client beside it, which knows the array types.
      sql.options.parsers = this.#options.view.parsers
      this.#sockets = new Sockets(sql)
    }
    return this.#client.subscribe(...args)
  }

  async end(): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    // It tells the server that the stream ends, and waits for the answer; one that does not come is not worth more.
    await this.#flusher.within('ending the subscription', client.subscribe.sql.end()).catch(noop)
    await this.#sockets?.leave()
  }
}
