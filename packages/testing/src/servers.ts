import { inspect } from 'node:util'
import {
  type Expectation,
  expectOptions,
  expectValue,
  identifier,
  ipAddress,
  label,
  portNumber,
} from './expectation.ts'
import { freePort, isPortTaken } from './free-port.ts'
import { PostgresServer } from './postgres-server.ts'
import { type Authentication, Postmaster, reservedSettings } from './postmaster.ts'

/** What all ways of starting servers take. */
export interface ServerOptions {
  /** The port to listen on. Default: one that is free. */
  readonly port?: number
  /** The database that `url` and `query` mean, created at the start. Default: `postgres`. */
  readonly database?: string
  /** How clients log in: by password, or without any check. Default: `scram-sha-256`. */
  readonly auth?: Authentication
  /** How many connections it takes. Minimum: 4. Default: 200. */
  readonly maxConnections?: number
  /** Further settings, as in `postgresql.conf`: `{ wal_level: 'logical' }`. Default: none. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface StartPostgresOptions extends ServerOptions {
  /** The address to listen on, one of this machine. Default: `127.0.0.1`. */
  readonly host?: string
  /** What the server is called in errors. Default: its address and port. */
  readonly name?: string
}

export interface StartPostgresServersOptions extends ServerOptions {
  /** What the servers are called in errors, one for each host. Default: their address and port. */
  readonly names?: readonly string[]
}

const connections: Expectation = {
  type: 'number',
  expected: 'an integer from 4 to 10000',
  holds: (value: number) => Number.isInteger(value) && value >= 4 && value <= 10_000,
}

const authentication: Expectation = {
  type: 'string',
  expected: "'scram-sha-256' or 'trust'",
  holds: (value: string) => value === 'scram-sha-256' || value === 'trust',
}

const settings: Expectation = {
  type: 'object',
  expected: `an object of strings by the name of the setting, without ${[...reservedSettings].join(', ')}`,
  holds: (value: object) =>
    Object.entries(value).every(
      ([key, text]) =>
        /^[a-z_][\w.]*$/i.test(key) && !reservedSettings.has(key.toLowerCase()) && typeof text === 'string',
    ),
}

/** What `ServerOptions` must be. */
export const serverOptions = {
  port: portNumber,
  database: identifier,
  auth: authentication,
  maxConnections: connections,
  settings,
}

/**
 * Starts one PostgreSQL server and resolves when it accepts connections, after about a second.
 * If it cannot start it rejects with a `TestingError` that holds the last lines of its log, and nothing is left of it.
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  expectOptions(options, { host: ipAddress, name: label, ...serverOptions })
  const { host = '127.0.0.1', name, ...rest } = options
  const [server] = await startAll([host], rest, name === undefined ? [] : [name])
  if (server === undefined) throw new TypeError('Expected one server for one host')
  return server
}

/**
 * Starts a PostgreSQL server on each of the hosts, all on one port and each with data of its own, so that a name that
 * moves from one address to another leads to another server. Starts all of them or, if one fails, none.
 */
export async function startPostgresServers(
  hosts: readonly string[],
  options: StartPostgresServersOptions = {},
): Promise<PostgresServer[]> {
  if (!Array.isArray(hosts)) throw new TypeError(`Expected \`hosts\` to be an array, got ${inspect(hosts)}`)
  if (hosts.length === 0) throw new RangeError('Expected `hosts` to hold at least one address, got []')
  for (const [index, host] of hosts.entries()) expectValue(`hosts[${index}]`, host, ipAddress)
  if (new Set(hosts).size < hosts.length) {
    throw new RangeError(`Expected \`hosts\` to differ from each other, got ${inspect(hosts)}`)
  }
  const names: Expectation = {
    type: 'object',
    expected: `an array of ${hosts.length} non-empty strings, one for each host`,
    holds: (value: object) =>
      Array.isArray(value) &&
      value.length === hosts.length &&
      value.every((name) => typeof name === 'string' && name !== ''),
  }
  expectOptions(options, { names, ...serverOptions })
  const { names: given = [], ...rest } = options
  return await startAll(hosts, rest, given)
}

const attempts = 5

async function startAll(
  hosts: readonly string[],
  options: ServerOptions,
  names: readonly string[],
): Promise<PostgresServer[]> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(hosts, options.port)
    const starts = await Promise.allSettled(hosts.map((host, index) => startOne(host, port, options, names[index])))
    const started = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
    const failed = starts.find((start) => start.status === 'rejected')
    if (failed === undefined) return started
    await Promise.all(started.map((server) => server.stop()))
    const mayRetry = options.port === undefined && attempt < attempts && isPortTaken(failed.reason)
    if (!mayRetry) throw failed.reason
  }
}

async function startOne(host: string, port: number, options: ServerOptions, name?: string): Promise<PostgresServer> {
  const { auth = 'scram-sha-256', maxConnections = 200, database = 'postgres' } = options
  const all = { ...options.settings, max_connections: String(maxConnections) }
  const postmaster = await Postmaster.start({ host, port, auth, settings: all })
  const server = new PostgresServer(postmaster, { host, port, name: name ?? `${host}:${port}`, database })
  try {
    if (database !== 'postgres') await server.createDatabase(database)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}
