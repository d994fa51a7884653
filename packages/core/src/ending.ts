import type { Clock, Timer } from './clock.ts'
import type { Driver } from './driver.ts'

/** What an ending tells its owner. */
export interface EndingListener {
  /** Nothing of the client is left. */
  gone(): void
  failed(error: unknown): void
}

/**
 * The end of a client on which nothing is in flight: it closes, and is cut where that takes longer than it may.
 */
export class Ending<Client> {
  readonly #client: Client
  readonly #driver: Driver<Client>
  readonly #listener: EndingListener
  readonly #timer: Timer
  #state: 'closing' | 'gone' = 'closing'

  constructor(client: Client, driver: Driver<Client>, longestMs: number, clock: Clock, listener: EndingListener) {
    this.#client = client
    this.#driver = driver
    this.#listener = listener
    // A server that answers nothing lets no connection close: then they are dropped.
    this.#timer = clock.after(longestMs, false, () => this.cut())
    ;(async () => driver.close(client))()
      .catch((error: unknown) => listener.failed(error))
      .finally(() => this.#end())
  }

  /** Drops the sockets now, if it is not gone yet. */
  cut(): void {
    if (this.#state === 'gone') return
    try {
      this.#driver.cut(this.#client)
    } catch (error) {
      this.#listener.failed(error)
    }
    this.#end()
  }

  #end(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#timer.cancel()
    this.#listener.gone()
  }
}
