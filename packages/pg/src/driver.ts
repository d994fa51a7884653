import { isPromise } from 'node:util/types'
import type { Driver } from '@periodic-flush/core'
import type { Pool } from 'pg'
import { OwnedPool } from './owned-pool.ts'
import { suspect } from './suspect.ts'

// Told by the number of rows: with a type parser of the user's own each value may be anything.
const READ_ONLY = `select 1 where pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'`

/** The pools that were opened, each with its sockets. */
const owned = new WeakMap<Pool, OwnedPool>()

export function isOwned(pool: Pool): boolean {
  return owned.has(pool)
}

export function ownedPool(pool: Pool): OwnedPool {
  const known = owned.get(pool)
  if (known === undefined) throw new TypeError('Unknown pool')
  return known
}

/**
 * How pools of node-postgres are opened, checked, retired, closed and cut.
 *
 * @param factory makes a new pool at each call.
 * @param prepare is called with each new pool, before anything connects.
 * @param failed is called with whatever fails on a connection.
 */
export function pgDriver(
  factory: () => Pool | Promise<Pool>,
  prepare: (pool: Pool) => void,
  failed: (pool: Pool, error: unknown) => void,
): Driver<Pool> {
  const opened = (pool: Pool): Pool => {
    // One that is known already is core's to refuse.
    if (isOwned(pool)) return pool
    prepare(pool)
    owned.set(pool, new OwnedPool(pool, (error) => failed(pool, error)))
    return pool
  }
  return {
    name: 'pg',
    open() {
      const made = factory()
      return isPromise(made) ? made.then(opened) : opened(made)
    },
    async check(pool, signal) {
      await ownedPool(pool).ask('select 1', signal)
    },
    async writable(pool, signal) {
      const rows = await ownedPool(pool).ask(READ_ONLY, signal)
      return rows.length === 0
    },
    limit: (pool) => ownedPool(pool).limit,
    connections: (pool) => ownedPool(pool).connections,
    parting: (pool) => ownedPool(pool).parting(),
    peers: (pool) => ownedPool(pool).peers,
    endpoints: (pool) => ownedPool(pool).endpoints,
    suspect,
    warm: (pool, count, signal) => ownedPool(pool).warm(count, signal),
    shrink: (pool, count) => ownedPool(pool).shrink(count),
    retire: (pool) => ownedPool(pool).shrink(Number.POSITIVE_INFINITY),
    async close(pool) {
      await pool.end()
      await ownedPool(pool).closed()
    },
    cut: (pool) => ownedPool(pool).cut(),
  }
}
