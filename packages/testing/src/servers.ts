import type { DatabaseServer, ServerDescription } from './database-server.ts'
import type { Certificate, Engine } from './engine.ts'
import {
  type Expectation,
  entriesOf,
  expectOptions,
  expectValue,
  holds,
  identifier,
  ipAddress,
  label,
  portNumber,
  shown,
} from './expectation.ts'
import { freePort, isPortTaken } from './free-port.ts'
import { ServerProcess } from './server-process.ts'

/** What all ways of starting servers take. */
export interface ServerOptions {
  /** The port to listen on. Default: one that is free. */
  readonly port?: number
  /** The database that `url` and `query` mean, created at the start. Default: `postgres`, and `test` on MariaDB. */
  readonly database?: string
  /** How many connections it takes. Minimum: 4. Default: 200. */
  readonly maxConnections?: number
  /** The certificate and its key, as PEM text: the server then talks TLS, and takes no connection without it. Default: no TLS. */
  readonly tls?: Certificate
  /** Further settings, as in the server's configuration file: `{ wal_level: 'logical' }`. Default: none. */
  readonly settings?: Readonly<Record<string, string>>
}

/** What starting a single server takes besides. */
export interface SingleOptions {
  /** The address to listen on, one of this machine. Default: `127.0.0.1`. */
  readonly host?: string
  /** What the server is called in errors. Default: its address and port. */
  readonly name?: string
}

/** What starting several servers takes besides. */
export interface SeveralOptions {
  /** What the servers are called in errors, one for each host. Default: their address and port. */
  readonly names?: readonly string[]
}

/** A way to get servers of one kind, with their options `Options`. */
export interface ServerKind<Server extends DatabaseServer, Options extends ServerOptions> {
  engine(options: Options): Engine
  /** The database that a server has from its first start. */
  readonly database: string
  /** What `Options` must be. */
  readonly expected: Readonly<Record<string, Expectation>>
  handle(process: ServerProcess, description: ServerDescription): Server
}

const connections: Expectation = {
  type: 'number',
  expected: 'an integer from 4 to 10000',
  holds: (value: number) => Number.isInteger(value) && value >= 4 && value <= 10_000,
}

const certificate: Expectation = {
  type: 'object',
  expected: '{ cert, key }, both as PEM text',
  // What it is must not be shown: it holds a key.
  secret: true,
  holds: (value: Certificate) =>
    [value.cert, value.key].every((pem) => typeof pem === 'string' && /^-----BEGIN /m.test(pem)),
}

/** What `ServerOptions` must be, where these settings are taken already. */
export function serverOptions(reserved: ReadonlySet<string>): Readonly<Record<keyof ServerOptions, Expectation>> {
  const settings: Expectation = {
    type: 'object',
    expected: `an object of strings by the name of the setting, without ${[...reserved].join(', ')}`,
    holds: (value: object) =>
      entriesOf(value)?.every(
        ([key, text]) => /^[a-z_][\w.]*$/i.test(key) && !reserved.has(key.toLowerCase()) && typeof text === 'string',
      ) === true,
  }
  return { port: portNumber, tls: certificate, database: identifier, maxConnections: connections, settings }
}

/** Starts one server; see `startPostgres` for what it promises. */
export async function startServer<Server extends DatabaseServer, Options extends ServerOptions>(
  kind: ServerKind<Server, Options>,
  options: Options & SingleOptions,
): Promise<Server> {
  expectOptions(options, { host: ipAddress, name: label, ...kind.expected })
  const { host = '127.0.0.1', name } = options
  const [server] = await startAll(kind, [host], options, name === undefined ? [] : [name])
  if (server === undefined) throw new TypeError('Expected one server for one host')
  return server
}

/** Starts a server on each of the hosts; see `startPostgresServers` for what it promises. */
export async function startServers<Server extends DatabaseServer, Options extends ServerOptions>(
  kind: ServerKind<Server, Options>,
  hosts: readonly string[],
  options: Options & SeveralOptions,
): Promise<Server[]> {
  if (!holds(hosts, Array.isArray)) throw new TypeError(`Expected \`hosts\` to be an array, got ${shown(hosts)}`)
  if (hosts.length === 0) throw new RangeError('Expected `hosts` to hold at least one address, got []')
  for (const [index, host] of hosts.entries()) expectValue(`hosts[${index}]`, host, ipAddress)
  if (new Set(hosts).size < hosts.length) {
    throw new RangeError(`Expected \`hosts\` to differ from each other, got ${hosts.join(', ')}`)
  }
  const names: Expectation = {
    type: 'object',
    expected: `an array of ${hosts.length} non-empty strings, one for each host`,
    holds: (value: object) =>
      Array.isArray(value) &&
      value.length === hosts.length &&
      value.every((name) => typeof name === 'string' && name !== ''),
  }
  expectOptions(options, { names, ...kind.expected })
  return await startAll(kind, hosts, options, options.names ?? [])
}

const attempts = 5

/**
 * Starts something on a port that is free at every host: the wanted one, or else any, and then another one if somebody
 * was quicker to take it.
 */
export async function onFreePort<Started>(
  hosts: readonly string[],
  wanted: number | undefined,
  start: (port: number) => Promise<Started>,
): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(hosts, wanted)
    try {
      return await start(port)
    } catch (error) {
      const mayRetry = wanted === undefined && attempt < attempts && isPortTaken(error)
      if (!mayRetry) throw error
    }
  }
}

/** Starts a server on each of the hosts, all or none; the arguments have been checked. */
export function startAll<Server extends DatabaseServer, Options extends ServerOptions>(
  kind: ServerKind<Server, Options>,
  hosts: readonly string[],
  options: Options,
  names: readonly string[],
): Promise<Server[]> {
  return onFreePort(hosts, options.port, async (port) => {
    const starts = await Promise.allSettled(
      hosts.map((host, index) => startOne(kind, host, port, options, names[index])),
    )
    const started = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
    const failed = starts.find((start) => start.status === 'rejected')
    if (failed === undefined) return started
    await Promise.all(started.map((server) => server.stop()))
    throw failed.reason
  })
}

async function startOne<Server extends DatabaseServer, Options extends ServerOptions>(
  kind: ServerKind<Server, Options>,
  host: string,
  port: number,
  options: Options,
  name = `${host}:${port}`,
): Promise<Server> {
  const { maxConnections = 200, database = kind.database } = options
  const settings = { ...options.settings, max_connections: String(maxConnections) }
  const process = await ServerProcess.start(kind.engine(options), { host, port, name, tls: options.tls, settings })
  const server = kind.handle(process, { host, port, name, database, tls: options.tls !== undefined })
  try {
    if (database !== kind.database) await server.createDatabase(database)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}
