import { EventEmitter } from 'node:events'
import { type Driver, PeriodicFlushError } from '@periodic-flush/core'
import { isPgPool, OwnedPool, type PgPool } from '@periodic-flush/pg/owned-pool'
import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { MariadbClient } from './mariadb-client.ts'
import { isMariadbPool, type MariadbPool, WatchedMariadbPool } from './mariadb-pool.ts'
import { suspect } from './suspect.ts'

const statement = (sql: string) => ({ sql, args: [], argTypes: [] })

/** Rows of what is read-only, and whether it is: on the server's own word, by the name of a setting. */
const READ_ONLY: Partial<Record<SqlDriverAdapter['provider'], string>> = {
  postgres: `select 'recovery', case when pg_is_in_recovery() then 'on' else 'off' end
    union all select 'transaction_read_only', current_setting('transaction_read_only')`,
  // Which of these a server has depends on its kind and version, so it is asked for all.
  mysql: `show variables where variable_name in
    ('read_only', 'super_read_only', 'innodb_read_only', 'transaction_read_only', 'tx_read_only')`,
}

/** What the adapter talks through, where it tells. */
export function underlyingDriver(adapter: SqlDriverAdapter): unknown {
  if (!('underlyingDriver' in adapter) || typeof adapter.underlyingDriver !== 'function') return undefined
  return adapter.underlyingDriver()
}

/**
 * Every pool that was ever seen, each looked into once: one of the user's comes again after each `$disconnect`, with the
 * connections that it has by then.
 */
const ownedPools = new WeakMap<PgPool, OwnedPool>()
const watchedPools = new WeakMap<MariadbPool, WatchedMariadbPool>()

function ownedPool(pool: PgPool): OwnedPool {
  const owned = ownedPools.get(pool) ?? new OwnedPool(pool)
  ownedPools.set(pool, owned)
  return owned
}

function watchedPool(pool: MariadbPool): WatchedMariadbPool {
  const watched = watchedPools.get(pool) ?? new WatchedMariadbPool(pool)
  watchedPools.set(pool, watched)
  return watched
}

/** How long a caller may wait for a connection of what the adapter talks through, in milliseconds; undefined: for ever. */
export function poolPatience(adapter: SqlDriverAdapter): number | undefined {
  const underlying = underlyingDriver(adapter)
  return isPgPool(underlying) ? ownedPool(underlying).patience : undefined
}

/**
 * How the adapters of a factory are opened, checked, retired, closed and cut.
 *
 * `connect` is the factory's own. Where an adapter shows a `pg.Pool`, its limit and its sockets are known; where it shows
 * one of the mariadb connector, its sockets are; of others only that they can be asked and disposed of.
 */
export function adapterDriver(name: string, connect: SqlDriverAdapterFactory['connect']): Driver<SqlDriverAdapter> {
  const pools = new WeakMap<SqlDriverAdapter, OwnedPool>()
  const mariadb = new WeakMap<SqlDriverAdapter, MariadbClient>()
  const known = (adapter: SqlDriverAdapter) => pools.get(adapter) ?? mariadb.get(adapter)?.pool
  const seen = new WeakSet<object>()
  /** What the last adapter talks through, if it tells of errors. */
  let last: EventEmitter | undefined

  return {
    name,
    async open() {
      const heard = last?.listeners('error')
      const adapter = await connect()
      const underlying = underlyingDriver(adapter)
      if (typeof underlying === 'object' && underlying !== null) {
        if (seen.has(underlying)) {
          // Not disposed of: with `disposeExternalPool` that would end the pool that serves. But what it listens to would
          // grow with each flush.
          if (underlying === last) forgetAllBut(heard, last)
          throw sameClient(name)
        }
        seen.add(underlying)
        last = underlying instanceof EventEmitter ? underlying : undefined
      }
      if (isPgPool(underlying)) pools.set(adapter, ownedPool(underlying))
      else if (isMariadbPool(underlying)) {
        mariadb.set(adapter, new MariadbClient(watchedPool(underlying), () => adapter.dispose()))
      }
      return adapter
    },
    async check(adapter) {
      // Without a signal: an adapter cannot be told to stop, and a fresh one whose time is over is cut by core.
      await adapter.queryRaw(statement('SELECT 1'))
    },
    async writable(adapter) {
      const sql = READ_ONLY[adapter.provider]
      if (sql === undefined) return true
      const { rows } = await adapter.queryRaw(statement(sql))
      return rows.every(([, value]) => String(value).toLowerCase() === 'off')
    },
    suspect,
    // Of others than pg it is not known; mariadb's fills its pool at once.
    eager: (adapter) => !pools.has(adapter),
    limit: (adapter) => pools.get(adapter)?.limit ?? Number.POSITIVE_INFINITY,
    parting: (adapter) => pools.get(adapter)?.parting(),
    peers: (adapter) => known(adapter)?.peers,
    connections: (adapter) => known(adapter)?.connections ?? 0,
    endpoints: (adapter) => known(adapter)?.endpoints ?? [],
    warm: async (adapter, count, signal) => pools.get(adapter)?.warm(count, signal),
    shrink: async (adapter, count) => pools.get(adapter)?.shrink(count),
    async retire(adapter) {
      await pools.get(adapter)?.shrink(Number.POSITIVE_INFINITY)
      await mariadb.get(adapter)?.retire()
    },
    async close(adapter) {
      const client = mariadb.get(adapter)
      if (client !== undefined) return client.close()
      const owned = pools.get(adapter)
      const ended = owned?.pool.ending === true
      await adapter.dispose()
      // One that was given to the adapter lives on, with its connections, or as long as its owner has them.
      if (!ended && owned?.pool.ending !== false) await owned?.closed()
    },
    cut(adapter) {
      const client = mariadb.get(adapter)
      if (client !== undefined) return client.cut()
      pools.get(adapter)?.drop()
      // Nobody is left to hear how that goes: core has rejected what was in flight.
      adapter.dispose().catch(() => {})
    },
  }
}

function forgetAllBut(heard: readonly unknown[] = [], emitter: EventEmitter): void {
  for (const listener of emitter.listeners('error')) {
    if (!heard.includes(listener)) emitter.off('error', listener as () => void)
  }
}

function sameClient(name: string): PeriodicFlushError {
  return new PeriodicFlushError(
    'SAME_CLIENT',
    `${name}: the adapter factory hands out the same pool again, so a flush would change nothing; give it the pool's configuration instead, as in new PrismaPg({ connectionString }), so that it opens a pool of its own each time`,
  )
}
