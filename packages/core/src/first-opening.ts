import { isPromise } from 'node:util/types'
import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { Driver } from './driver.ts'
import { PeriodicFlushError } from './errors.ts'
import type { ResolvedOptions } from './options.ts'

/** What the first opening tells the rotator. */
export interface FirstOpeningListener<Client> {
  /** The client that those who wait are waiting for, if anybody still is, and since when it was opened. */
  opened(client: Client, since: number): void
  failed(error: unknown): void
}

/**
 * Opens the first client, by need, once however many want it.
 *
 * It is not bounded: its users wait for the factory as they would without us, and give up as they would. After one that
 * failed the next use tries again.
 */
export class FirstOpening<Client> {
  readonly #driver: Driver<Client>
  readonly #options: Pick<ResolvedOptions, 'name' | 'checkTimeoutMs'>
  readonly #clock: Clock
  readonly #listener: FirstOpeningListener<Client>
  readonly #closing: AbortSignal
  /** Resolves when the client that is being opened is there, has failed, or is not waited for any more. */
  #pending: Deferred<void> | undefined

  constructor(
    driver: Driver<Client>,
    options: Pick<ResolvedOptions, 'name' | 'checkTimeoutMs'>,
    clock: Clock,
    closing: AbortSignal,
    listener: FirstOpeningListener<Client>,
  ) {
    this.#driver = driver
    this.#options = options
    this.#clock = clock
    this.#closing = closing
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
    const since = this.#clock.now()
    const opened = this.#driver.open(this.#closing)
    if (!isPromise(opened)) return opened
    this.#pending = deferred()
    opened.then(
      (client) => {
        this.#end()
        this.#listener.opened(client, since)
      },
      (error: unknown) => {
        // Before anybody hears of it: a caller that fails may ask again at once.
        this.#end()
        this.#listener.failed(error)
      },
    )
    return undefined
  }

  /** Nobody waits for it any more. */
  abandon(): void {
    this.#end()
  }

  /**
   * For a flush, which would replace that client: resolves once none is pending, also none that followed one that failed.
   * Rejects with TIMEOUT after `checkTimeoutMs`; those who wait for the client wait on.
   */
  async settle(hold: boolean): Promise<void> {
    const { name, checkTimeoutMs } = this.#options
    const late = deferred<never>()
    const timer = this.#clock.after(checkTimeoutMs, hold, () => {
      const message = `${name}: the first client, which a flush would replace, was not opened within ${checkTimeoutMs} ms (checkTimeoutMs)`
      late.reject(new PeriodicFlushError('TIMEOUT', message))
    })
    try {
      while (this.#pending !== undefined) await Promise.race([this.#pending.promise, late.promise])
    } finally {
      timer.cancel()
    }
  }

  #end(): void {
    this.#pending?.resolve()
    this.#pending = undefined
  }
}
