import pg, { type Pool, type PoolClient } from 'pg'
import type { Settle } from './pooled-query.ts'

/** The two members that are called for the facade's users: pg's types know fewer forms of them than pg does. */
interface Members {
  query(config: unknown, values: unknown, settle?: Settle): PromiseLike<unknown>
  connect(connected?: (error: Error | undefined, client?: PoolClient) => void): PromiseLike<PoolClient>
}

// pg's own call back, which makes no promise beside the one that the caller gets. A class of the user's own may have
// replaced them by ones that know promises only, as in `async connect() { … await super.connect() … }`.

export function queryOn(pool: Pool, config: unknown, values: unknown, settle: Settle): void {
  const members = pool as unknown as Members
  if (pool.query === pg.Pool.prototype.query) members.query(config, values, settle)
  else members.query(config, values).then((result) => settle(undefined, result), settle)
}

export function connectOn(pool: Pool, connected: (error: Error | undefined, client?: PoolClient) => void): void {
  const members = pool as unknown as Members
  if (pool.connect === pg.Pool.prototype.connect) members.connect(connected)
  else members.connect().then((client) => connected(undefined, client), connected)
}
