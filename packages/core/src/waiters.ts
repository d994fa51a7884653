import { AsyncResource } from 'node:async_hooks'
import type { Clock, Timer } from './clock.ts'
import { PeriodicFlushError } from './errors.ts'
import type { Holder, Lease } from './generation.ts'

/** How long a caller is willing to wait for a lease; without any of these, as long as it takes. */
export interface AcquireOptions {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Gives up after that many milliseconds, with TIMEOUT. While it waits, the timer keeps the process alive. */
  readonly timeoutMs?: number | undefined
}

/** What becomes of a caller that waits: exactly one of the two is called, once. */
export interface Caller<Client> {
  start(lease: Lease<Client>): void
  fail(error: unknown): void
}

/** A caller that is called in the asynchronous context in which it began to wait, and not in that of who serves it. */
class CallerInContext<Client> extends AsyncResource implements Caller<Client> {
  readonly #caller: Caller<Client>

  constructor(caller: Caller<Client>) {
    super('PeriodicFlushCaller')
    this.#caller = caller
  }

  start(lease: Lease<Client>): void {
    this.runInAsyncScope(this.#caller.start, this.#caller, lease)
  }

  fail(error: unknown): void {
    this.runInAsyncScope(this.#caller.fail, this.#caller, error)
  }
}

/**
 * Callers that wait for a lease, first in first out: a doubly linked list, since one that gives up may stand anywhere.
 *
 * Whoever is served starts within the call that serves it, so that a connection is never idle while somebody waits; but in
 * its own asynchronous context, on which tracing and `AsyncLocalStorage` rely.
 */
export class Waiters<Client> {
  readonly #name: string
  readonly #clock: Clock
  #first: Waiter<Client> | undefined
  #last: Waiter<Client> | undefined
  #size = 0

  constructor(name: string, clock: Clock) {
    this.#name = name
    this.#clock = clock
  }

  get size(): number {
    return this.#size
  }

  add(holder: Holder, { signal, timeoutMs }: AcquireOptions, caller: Caller<Client>): void {
    const inContext = new CallerInContext(caller)
    const waiter: Waiter<Client> = { holder, caller: inContext, ahead: this.#last, behind: undefined, end: undefined }
    if (this.#last === undefined) this.#first = waiter
    else this.#last.behind = waiter
    this.#last = waiter
    this.#size++
    if (signal !== undefined || timeoutMs !== undefined) waiter.end = this.#limit(waiter, signal, timeoutMs)
  }

  /** Hands a lease to one after the other, for as long as `lease` gives one. */
  serve(lease: (holder: Holder) => Lease<Client> | undefined): void {
    for (let waiter = this.#first; waiter !== undefined; waiter = this.#first) {
      const given = lease(waiter.holder)
      if (given === undefined) return
      this.#remove(waiter)
      // Whoever has just given a connection back must not hear of what the next one does with it.
      try {
        waiter.caller.start(given)
      } catch (error) {
        given.release()
        waiter.caller.fail(error)
      }
    }
  }

  /** Fails those who wait now. */
  failAll(error: unknown): void {
    const callers: Caller<Client>[] = []
    for (let waiter = this.#first; waiter !== undefined; waiter = this.#first) {
      callers.push(waiter.caller)
      this.#remove(waiter)
    }
    // By now nobody waits: one that asks again at once is the first.
    for (const caller of callers) caller.fail(error)
  }

  /** Lets a caller give up; returns what ends that. */
  #limit(waiter: Waiter<Client>, signal: AbortSignal | undefined, timeoutMs: number | undefined): () => void {
    let timer: Timer | undefined
    const giveUp = (): void => this.#fail(waiter, signal?.reason)
    signal?.addEventListener('abort', giveUp, { once: true })
    if (timeoutMs !== undefined) {
      const message = `${this.#name}: no connection became free within ${timeoutMs} ms`
      timer = this.#clock.after(timeoutMs, true, () => this.#fail(waiter, new PeriodicFlushError('TIMEOUT', message)))
    }
    return () => {
      timer?.cancel()
      signal?.removeEventListener('abort', giveUp)
    }
  }

  #fail(waiter: Waiter<Client>, error: unknown): void {
    this.#remove(waiter)
    waiter.caller.fail(error)
  }

  #remove(waiter: Waiter<Client>): void {
    const { ahead, behind, end } = waiter
    if (ahead === undefined) this.#first = behind
    else ahead.behind = behind
    if (behind === undefined) this.#last = ahead
    else behind.ahead = ahead
    this.#size--
    end?.()
  }
}

/** A caller that waits, and its place in the queue. */
interface Waiter<Client> {
  readonly holder: Holder
  readonly caller: Caller<Client>
  ahead: Waiter<Client> | undefined
  behind: Waiter<Client> | undefined
  /** Ends the timer and the listener by which it would give up. */
  end: (() => void) | undefined
}
