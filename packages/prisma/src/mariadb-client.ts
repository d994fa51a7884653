import type { WatchedMariadbPool } from './mariadb-pool.ts'

/**
 * The client of an adapter on a pool of the mariadb connector, and how it comes to its end.
 *
 * Such a pool fills itself at once, and opens another connection for each that one closes: only its end makes it smaller.
 * That closes what is idle at once and the rest as it is given back, but fails whoever waits for a connection, and kills
 * ten seconds later what is still in use. So it ends as soon as nobody waits in it, and what is in use is left alone.
 */
export class MariadbClient {
  readonly pool: WatchedMariadbPool
  readonly #dispose: () => Promise<void>
  #state: 'serving' | 'retiring' | 'ending' = 'serving'

  /** @param dispose ends the pool, unless that is left to its owner. */
  constructor(pool: WatchedMariadbPool, dispose: () => Promise<void>) {
    this.pool = pool
    this.#dispose = dispose
  }

  /** Closes what is idle now, and the rest as it is given back, unless somebody waits in the pool: then later. */
  async retire(): Promise<void> {
    if (this.#state === 'ending') return
    if (this.#state === 'serving') this.pool.onAcquire(() => this.retire().catch(() => {}))
    this.#state = 'retiring'
    if (!this.pool.awaited) await this.#end()
  }

  /** Closes everything, when nothing is in use; resolves when the server has seen it off, unless it is left to its owner. */
  async close(): Promise<void> {
    if (this.#state !== 'ending') await this.#end()
    await this.pool.gone()
  }

  /** Drops every socket. */
  cut(): void {
    // Ended already, or ending: there is nothing more to do.
    this.#end().catch(() => {})
    this.pool.drop()
  }

  #end(): Promise<void> {
    this.#state = 'ending'
    return this.pool.end(this.#dispose)
  }
}
