import { type FailoverPair, failoverPair, type PostgresServer, startPostgres } from '@periodic-flush/testing'

/** A server of either engine, as the behaviours use it. */
export type Server = Pick<
  PostgresServer,
  'host' | 'port' | 'state' | 'url' | 'query' | 'createDatabase' | 'backends' | 'freeze' | 'thaw' | 'stop'
>

/** Two servers behind a name that can be moved. */
export interface Pair extends Pick<FailoverPair, 'url' | 'moveTo' | 'createDatabase' | 'stop'> {
  readonly blue: Server
  readonly green: Server
}

/** One kind of database: how it is started, and what the behaviours ask it. */
export interface Dialect {
  readonly start: () => Promise<Server>
  readonly startPair: () => Promise<Pair>
  /** Leads nowhere. */
  readonly nowhere: string
  /** The server-side connection that answers. */
  readonly connectionId: string
  /** The address of the server that answers. */
  readonly servedBy: string
  /** Runs for a minute. */
  readonly sleep: string
  /** One row with a column of every common type. */
  readonly everyType: string
}

export const postgresql: Dialect = {
  start: () => startPostgres({ maxConnections: 100 }),
  startPair: () => failoverPair(),
  nowhere: 'postgres://nobody:nothing@127.0.0.1:1/none',
  connectionId: 'select pg_backend_pid()',
  servedBy: 'select host(inet_server_addr())',
  sleep: 'select pg_sleep(60)',
  everyType: `select 1::int2 as int2, 2::int4 as int4, 9007199254740993::int8 as int8, 1.5::float8 as float8,
    12345678901234567890.123::numeric as numeric, true as bool, 'text'::text as text, null::text as nothing,
    '2026-11-24'::date as date, '2026-11-24 01:02:03.456789+00'::timestamptz as timestamptz,
    '{"a": [1, null]}'::jsonb as jsonb, '\\xdeadbeef'::bytea as bytea, array[1, 2, 3]::int4[] as ints,
    array['a', null, 'c']::text[] as texts, '00000000-0000-4000-8000-000000000000'::uuid as uuid`,
}
