import { type Flusher, type Holder, type Lease, PeriodicFlushError } from '@periodic-flush/core'
import type { Pool, PoolConfig } from 'pg'
import { patienceOf } from './patience.ts'

/** Something that begins when it gets a lease, and that `cut` settles while it has none. */
export interface Use extends Holder {
  cut(error: Error): void
  start(lease: Lease<Pool>): void
}

/** Gives leases to uses, at once or in turn, and knows who waits: in the pools themselves nobody does. */
export class Turns {
  readonly #flusher: Flusher<Pool>
  readonly #options: Pick<PoolConfig, 'connectionTimeoutMillis'>
  #waiting = 0
  #allServed = (): void => {}

  constructor(flusher: Flusher<Pool>, options: Pick<PoolConfig, 'connectionTimeoutMillis'>) {
    this.#flusher = flusher
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Starts a use, or cuts it with the error that says why it cannot start. */
  give(use: Use): void {
    let lease: Lease<Pool> | undefined
    try {
      lease = this.#flusher.tryAcquire(use)
    } catch (error) {
      use.cut(error as Error)
      return
    }
    if (lease === undefined) this.#wait(use)
    else start(use, lease)
  }

  /** Resolves once nobody waits. */
  async allServed(): Promise<void> {
    if (this.#waiting === 0) return
    await new Promise<void>((resolve) => {
      this.#allServed = resolve
    })
  }

  #wait(use: Use): void {
    const timeoutMs = patienceOf(this.#options)
    this.#waiting++
    const served = (lease: Lease<Pool>): void => {
      this.#served()
      start(use, lease)
    }
    const fail = (error: unknown): void => {
      this.#served()
      const late = error instanceof PeriodicFlushError && error.code === 'TIMEOUT'
      use.cut(late ? new Error('timeout exceeded when trying to connect') : (error as Error))
    }
    this.#flusher.acquireFor(use, { start: served, fail }, timeoutMs === undefined ? undefined : { timeoutMs })
  }

  #served(): void {
    if (--this.#waiting === 0) this.#allServed()
  }
}

/** What cannot even begin, as with a client that cannot be made of its options, needs no lease. */
function start(use: Use, lease: Lease<Pool>): void {
  try {
    use.start(lease)
  } catch (error) {
    lease.release()
    use.cut(error as Error)
  }
}
