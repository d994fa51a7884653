import type { Flusher, Lease } from '@periodic-flush/core'
import type { Pool } from 'pg'
import { queryOn } from './pool-members.ts'
import type { Use } from './turns.ts'

/** A callback as pg takes it. */
export type Settle = (error: Error | undefined, result?: unknown) => void

/** A statement that needs a connection for no longer than itself: it holds its lease until it is answered. */
export class PooledQuery implements Use {
  readonly kind = 'query'
  readonly #flusher: Flusher<Pool>
  readonly #config: unknown
  readonly #values: unknown
  /** Undefined once it has been called. */
  #settle: Settle | undefined

  constructor(flusher: Flusher<Pool>, config: unknown, values: unknown, settle: Settle) {
    this.#flusher = flusher
    this.#config = config
    this.#values = values
    this.#settle = settle
  }

  start(lease: Lease<Pool>): void {
    queryOn(lease.client, this.#config, this.#values, (error, result) => {
      if (error) this.#flusher.failed(lease.client, error)
      lease.release()
      this.#end(error, result)
    })
  }

  cut(error: Error): void {
    this.#end(error)
  }

  #end(error: Error | undefined, result?: unknown): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.(error, result)
  }
}
