import { backoff, type Timer, type Watched } from '@periodic-flush/core'
import type { Bus, Receiver, Unsubscribe } from './bus.ts'

/** The first retry of a subscription that failed comes after at most this long. */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000

/** Where a subscription takes time and chance from. */
type Surroundings = Pick<Watched, 'clock' | 'random'>

/**
 * One subscription, held while somebody wants it.
 *
 * Subscribing and unsubscribing never run at once, however often the wish changes meanwhile. One that fails, or is lost,
 * is told and tried again with backoff.
 */
export class Subscription {
  readonly #bus: Bus
  readonly #receiver: Receiver
  /** Undefined while nobody wants the subscription. */
  #wanted: Surroundings | undefined
  #unsubscribe: Unsubscribe | undefined
  #state: 'settled' | 'changing' = 'settled'
  #retry: Timer | undefined
  #failures = 0

  constructor(bus: Bus, receiver: Receiver) {
    this.#bus = bus
    this.#receiver = receiver
  }

  want(surroundings: Surroundings): void {
    this.#wanted = surroundings
    this.#settle()
  }

  drop(): void {
    this.#wanted = undefined
    this.#retry?.cancel()
    this.#retry = undefined
    this.#failures = 0
    this.#settle()
  }

  async #settle(): Promise<void> {
    if (this.#state === 'changing') return
    this.#state = 'changing'
    for (;;) {
      const due = this.#wanted !== undefined && this.#retry === undefined
      if (due && this.#unsubscribe === undefined) await this.#subscribe()
      else if (this.#wanted === undefined && this.#unsubscribe !== undefined) await this.#end(this.#unsubscribe)
      else break
    }
    this.#state = 'settled'
  }

  async #subscribe(): Promise<void> {
    let state: 'subscribing' | 'subscribed' | 'lost' = 'subscribing'
    const lost = (error: unknown): void => {
      if (state === 'lost') return
      if (state === 'subscribed') this.#unsubscribe = undefined
      state = 'lost'
      this.#failed(error)
    }
    try {
      const unsubscribe = await this.#bus.subscribe({ message: (text) => this.#receiver.message(text), lost })
      // It may have been lost while it was being made.
      if ((state as string) === 'lost') return
      state = 'subscribed'
      this.#unsubscribe = unsubscribe
      this.#failures = 0
    } catch (error) {
      lost(error)
    }
  }

  async #end(unsubscribe: Unsubscribe): Promise<void> {
    this.#unsubscribe = undefined
    try {
      await unsubscribe()
    } catch {
      // The client is the user's and may have ended first: then there is nothing left to end.
    }
  }

  #failed(error: unknown): void {
    if (this.#wanted === undefined) return
    const { clock, random } = this.#wanted
    this.#receiver.lost(error)
    const ms = backoff(++this.#failures, FIRST_RETRY_MS, LONGEST_RETRY_MS, random)
    this.#retry = clock.after(ms, false, () => {
      this.#retry = undefined
      this.#settle()
    })
  }
}
