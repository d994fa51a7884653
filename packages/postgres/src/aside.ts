import type { Flusher } from '@periodic-flush/core'
import type { Client } from './client.ts'
import type { StableOptions } from './options.ts'

/**
 * The client behind `listen` and `subscribe`. It takes no part in the rotation: what it holds is a stream of events,
 * which a flush would tear. It is made when it is first needed.
 */
export class Aside {
  readonly #flusher: Flusher<Client>
  readonly #factory: () => Client
  readonly #options: StableOptions
  #client: Client | undefined

  constructor(flusher: Flusher<Client>, factory: () => Client, options: StableOptions) {
    this.#flusher = flusher
    this.#factory = factory
    this.#options = options
    const close = flusher.close
    // Users close the flusher itself, which knows nothing of this client.
    flusher.close = async (given) => {
      await Promise.all([close.call(flusher, given), this.end()])
    }
  }

  async listen(args: readonly unknown[]): Promise<unknown> {
    return (await this.#get()).listen(...args)
  }

  async subscribe(args: readonly unknown[]): Promise<unknown> {
    return (await this.#get()).subscribe(...args)
  }

  async end(): Promise<void> {
    await this.#client?.end({ timeout: 0 })
  }

  async #get(): Promise<Client> {
    // Rejects in the flusher's words.
    if (this.#flusher.closed) await this.#flusher.run('query', async () => undefined)
    if (this.#client === undefined) {
      this.#client = this.#factory()
      this.#options.applyTo(this.#client)
    }
    return this.#client
  }
}
