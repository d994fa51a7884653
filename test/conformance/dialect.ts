import {
  type DatabaseServer,
  type FailoverPair,
  failoverPair,
  startMariadb,
  startPostgres,
} from '@periodic-flush/testing'
import { mariadbInstalled } from '../mariadb-installed.ts'

/** A server of either engine, as the behaviours use it. */
export type Server = DatabaseServer

/** Two servers behind a name that can be moved. */
export type Pair = Pick<FailoverPair<DatabaseServer>, 'blue' | 'green' | 'url' | 'moveTo' | 'stop'>

/** A pair whose green takes no writes until it is promoted. */
export interface StandbyPair {
  readonly pair: Pair
  readonly promote: () => Promise<void>
}

/** One kind of database: how it is started, and what the behaviours ask it. */
export interface Dialect {
  readonly start: () => Promise<Server>
  readonly startPair: () => Promise<Pair>
  readonly startStandbyPair: () => Promise<StandbyPair>
  /** Whether this machine has the server. */
  readonly installed: boolean
  /** Leads nowhere. */
  readonly nowhere: string
  /** The server-side connection that answers. */
  readonly connectionId: string
  /** The address of the server that answers. */
  readonly servedBy: string
  /** Makes connections to the database that are opened from now on read-only, or no longer. */
  readonly readOnly: (server: Server, database: string, on: boolean) => Promise<unknown>
  /** The URL of an account that a read-only server refuses to write for. */
  readonly writer: (server: Server, database: string) => Promise<string>
  /** What makes a transaction that has just begun one that may not write. */
  readonly mayNotWrite: readonly string[]
  /** Runs for a minute. */
  readonly sleep: string
  /** One row with a column of every common type. */
  readonly everyType: string
}

export const postgresql: Dialect = {
  start: () => startPostgres({ maxConnections: 100 }),
  startPair: () => failoverPair(),
  async startStandbyPair() {
    const pair = await failoverPair({ replicated: true })
    return { pair, promote: () => pair.green.promote() }
  },
  installed: true,
  nowhere: 'postgres://nobody:nothing@127.0.0.1:1/none',
  connectionId: 'select pg_backend_pid()',
  servedBy: 'select host(inet_server_addr())',
  readOnly: (server, database, on) =>
    server.query(`alter database ${database} set default_transaction_read_only = ${on}`),
  writer: async (server, database) => server.url({ database }),
  mayNotWrite: ['set transaction read only'],
  sleep: 'select pg_sleep(60)',
  everyType: `select 1::int2 as int2, 2::int4 as int4, 9007199254740993::int8 as int8, 1.5::float8 as float8,
    12345678901234567890.123::numeric as numeric, true as bool, 'text'::text as text, null::text as nothing,
    '2026-11-24'::date as date, '2026-11-24 01:02:03.456789+00'::timestamptz as timestamptz,
    '{"a": [1, null]}'::jsonb as jsonb, '\\xdeadbeef'::bytea as bytea, array[1, 2, 3]::int4[] as ints,
    array['a', null, 'c']::text[] as texts, '00000000-0000-4000-8000-000000000000'::uuid as uuid`,
}

export const mariadb: Dialect = {
  start: () => startMariadb({ maxConnections: 100 }),
  startPair: () => failoverPair({ engine: 'mariadb' }),
  async startStandbyPair() {
    const pair = await failoverPair({ engine: 'mariadb' })
    // It does not replicate, but to a client a standby is a server that takes no writes.
    await pair.green.readOnly(true)
    return { pair, promote: () => pair.green.readOnly(false) }
  },
  installed: mariadbInstalled,
  nowhere: 'mysql://nobody:nothing@127.0.0.1:1/none',
  connectionId: 'select connection_id()',
  servedBy: 'select @@bind_address',
  readOnly: (server, _, on) => server.query(`set global read_only = ${on}`),
  async writer(server, database) {
    // An administrator may write all the same.
    await server.query(`create user if not exists writer identified by 'writes'`)
    await server.query(`grant all on ${database}.* to writer`)
    return Object.assign(new URL(server.url({ database })), { username: 'writer', password: 'writes' }).href
  },
  mayNotWrite: ['commit', 'start transaction read only'],
  sleep: 'select sleep(60)',
  everyType: `select cast(2 as signed) as an_integer, 9007199254740993 as a_big_one, 1.5e0 as a_double,
    cast(12345678901234567890.123 as decimal(30, 3)) as a_decimal, true as a_bool, 'text' as a_text, null as nothing,
    date '2026-11-24' as a_date, timestamp '2026-11-24 01:02:03.456789' as a_timestamp, time '01:02:03' as a_time,
    json_object('a', json_array(1, null)) as a_json, x'deadbeef' as a_blob, uuid() is not null as known`,
}
