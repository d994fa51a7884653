import type { Holder, Lease } from './generation.ts'

/** A caller that waits for a lease. */
export interface Waiter<Client> {
  readonly holder: Holder
  readonly resolve: (lease: Lease<Client>) => void
  readonly reject: (error: unknown) => void
}

/** Callers that wait for a lease, first in first out. */
export class Waiters<Client> {
  readonly #queue = new Set<Waiter<Client>>()

  get size(): number {
    return this.#queue.size
  }

  add(waiter: Waiter<Client>): void {
    this.#queue.add(waiter)
  }

  /** Takes a waiter out of its turn; false if its turn has come already. */
  remove(waiter: Waiter<Client>): boolean {
    return this.#queue.delete(waiter)
  }

  /** Hands a lease to one after the other, for as long as `lease` gives one. */
  serve(lease: (holder: Holder) => Lease<Client> | undefined): void {
    for (const waiter of this.#queue) {
      const given = lease(waiter.holder)
      if (given === undefined) return
      this.#queue.delete(waiter)
      waiter.resolve(given)
    }
  }

  rejectAll(error: unknown): void {
    const waiters = [...this.#queue]
    this.#queue.clear()
    for (const waiter of waiters) waiter.reject(error)
  }
}
