import type { Options } from '@periodic-flush/core'
import { type Backend, type FailoverPair, failoverPair, type MariadbServer } from '@periodic-flush/testing'
import type { PoolOptions } from 'mysql2'
import * as callback from 'mysql2'
import * as promise from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { type AnyPool, type FlushingPool, withPeriodicFlush } from '../src/index.ts'

export type CallbackPool = FlushingPool<callback.Pool>
export type PromisePool = FlushingPool<promise.Pool>

/** What the tests of a file share: two servers behind a name, and pools that are closed after each test. */
export interface Stage {
  readonly pair: FailoverPair<MariadbServer>
  callback(settings?: PoolOptions, options?: Options<callback.Pool>): CallbackPool
  promise(settings?: PoolOptions, options?: Options<promise.Pool>): PromisePool
  /** Remembers a pool to be closed. */
  closing<Pool extends AnyPool>(pool: FlushingPool<Pool>): FlushingPool<Pool>
}

export function stage(name: string): Stage {
  let pair: FailoverPair<MariadbServer> | undefined
  const made: { $flusher: { close(options: object): Promise<void> } }[] = []
  beforeAll(async () => {
    pair = await failoverPair({ engine: 'mariadb', database: 'app', name: `${name}.periodic-flush.test` })
    await pair.blue.query("create table side as select 'blue' as name")
    await pair.green.query("create table side as select 'green' as name")
    await pair.query('create table numbers (n int)')
  })
  beforeEach(() => pair?.moveTo('blue'))
  afterEach(async () => {
    await Promise.all(made.splice(0).map(({ $flusher }) => $flusher.close({ deadlineMs: 0 })))
  })
  afterAll(() => pair?.stop())
  const configured = (settings: PoolOptions) => ({ uri: started().url(), connectionLimit: 4, ...settings })
  const started = () => {
    if (pair === undefined) throw new Error('the servers are started before the tests run')
    return pair
  }
  return {
    get pair() {
      return started()
    },
    callback(settings = {}, options = {}) {
      return this.closing(withPeriodicFlush(() => callback.createPool(configured(settings)), { ...quiet, ...options }))
    },
    promise(settings = {}, options = {}) {
      return this.closing(withPeriodicFlush(() => promise.createPool(configured(settings)), { ...quiet, ...options }))
    },
    closing(pool) {
      made.push(pool)
      return pool
    },
  }
}

const quiet = { intervalMs: false, deadlineMs: 3_000 } as const

/** The first column of the first row. */
export async function value(pool: Pick<promise.Pool, 'query'>, sql: string, values?: unknown[]): Promise<unknown> {
  const [rows] = await pool.query<promise.RowDataPacket[]>(sql, values)
  return Object.values(rows[0] ?? {})[0]
}

export const sideOf = (pool: Pick<promise.Pool, 'query'>) => value(pool, 'select name from side')

/** A callback as a promise of what it was called with. */
export function called<T>(work: (callback: (error: unknown, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    work((error, result) => (error ? reject(error) : resolve(result as T)))
  })
}

/** Asks again and again until `condition` holds for the answer; the last answer is in the error. */
export async function eventually<T>(ask: () => Promise<T> | T, condition: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + 20_000
  for (;;) {
    const answer = await ask()
    if (condition(answer)) return answer
    if (performance.now() > end) throw new Error(`it never came to that; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const running = (text: string) => (backends: Backend[]) => backends.some(({ query }) => query.includes(text))
