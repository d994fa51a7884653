import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { Driver } from './driver.ts'

/** What the first opening tells the rotator. */
export interface FirstOpeningListener<Client> {
  /** The client that those who wait were waiting for. */
  opened(client: Client): void
  failed(error: unknown): void
  /** A client that nobody waits for any more. */
  arrivedLate(client: Client): void
}

/**
 * Opens the first client, by need, once however many want it.
 *
 * It is not bounded: its users wait for the factory as they would without us, and give up as they would. After one that
 * failed the next use tries again.
 */
export class FirstOpening<Client> {
  readonly #driver: Driver<Client>
  readonly #clock: Clock
  readonly #listener: FirstOpeningListener<Client>
  #pending: { readonly over: AbortController; readonly settled: Deferred<void> } | undefined

  constructor(driver: Driver<Client>, clock: Clock, listener: FirstOpeningListener<Client>) {
    this.#driver = driver
    this.#clock = clock
    this.#listener = listener
  }

  /** Whether a client is being opened. */
  get pending(): boolean {
    return this.#pending !== undefined
  }

  /**
   * The client, where the driver has it at once; undefined where it takes its time.
   *
   * @throws what the factory throws.
   */
  begin(): Client | undefined {
    const over = new AbortController()
    const opened = this.#driver.open(over.signal)
    if (!(opened instanceof Promise)) return opened
    const pending = { over, settled: deferred<void>() }
    this.#pending = pending
    const isOver = (): boolean => this.#pending !== pending
    opened.then(
      (client) => {
        if (isOver()) return this.#listener.arrivedLate(client)
        this.#end()
        this.#listener.opened(client)
      },
      (error: unknown) => {
        if (isOver()) return
        // Before anybody hears of it: a caller that fails may ask again at once.
        this.#end()
        this.#listener.failed(error)
      },
    )
    return undefined
  }

  /** Nobody waits for it any more. */
  abandon(reason: unknown): void {
    const pending = this.#end()
    pending?.over.abort(reason)
  }

  /** Resolves once none is pending, also none that followed one that failed; at the latest after `longestMs`. */
  async settle(longestMs: number, hold: boolean): Promise<void> {
    const late = deferred<'late'>()
    const timer = this.#clock.after(longestMs, hold, () => late.resolve('late'))
    while (this.#pending !== undefined) {
      if ((await Promise.race([this.#pending.settled.promise, late.promise])) === 'late') break
    }
    timer.cancel()
  }

  #end() {
    const pending = this.#pending
    this.#pending = undefined
    pending?.settled.resolve()
    return pending
  }
}
