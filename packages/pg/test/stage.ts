import type { Options } from '@periodic-flush/core'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg, { type Pool, type PoolConfig } from 'pg'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type FlushingPool, withPeriodicFlush } from '../src/index.ts'

/** A server for the file, and pools on it that are closed after each test. */
export interface Stage {
  readonly server: PostgresServer
  native(config?: PoolConfig): Pool
  flushing(config?: PoolConfig, options?: Options<Pool>): FlushingPool
}

export function stage(): Stage {
  let server: PostgresServer | undefined
  const ends: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterEach(() => Promise.all(ends.splice(0).map((end) => end())))
  afterAll(() => server?.stop())
  const started = (): PostgresServer => {
    if (server === undefined) throw new Error('the server is started before the tests run')
    return server
  }
  return {
    get server() {
      return started()
    },
    native(config = {}) {
      const pool = new pg.Pool({ connectionString: started().url(), ...config })
      ends.push(async () => pool.ending || (await pool.end()))
      return pool
    },
    flushing(config = {}, options = {}) {
      const make = () => new pg.Pool({ connectionString: started().url(), max: 3, ...config })
      const pool = withPeriodicFlush(make, { intervalMs: false, ...options })
      ends.push(() => pool.$flusher.close({ deadlineMs: 0 }))
      return pool
    },
  }
}

export const swapped = { wait: 'swapped' } as const

export const pidOf = async (pool: Pick<Pool, 'query'>): Promise<number> =>
  (await pool.query('select pg_backend_pid() as pid')).rows[0].pid

/** What a promise is rejected with. */
export const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )

/** Calls back until `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
