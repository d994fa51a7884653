import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** One client's connection, as the server itself sees it. */
export interface Backend {
  /** What the server knows the connection by: a process id, or MariaDB's connection id. */
  readonly pid: number
  readonly database: string | null
  readonly user: string | null
  /** The client's port, which tells its sockets apart; null over a Unix socket. */
  readonly clientPort: number | null
  /** `active`, `idle`, and what else the server tells. */
  readonly state: string | null
  /** The statement that it executes; on PostgreSQL also the one that it executed last. */
  readonly query: string
}

/** Which backends: those for which everything given here is true, so none given means all. */
export interface BackendFilter {
  readonly database?: string
  readonly user?: string
}

/** What to put into a connection URL instead of the server's own. */
export interface UrlOptions {
  readonly host?: string
  readonly database?: string
}

/** What leads to a server, and into it. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** What a server of any kind offers. */
export interface DatabaseServer extends Endpoint, AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly state: 'running' | 'frozen' | 'stopped'
  url(options?: UrlOptions): string
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    database?: string,
  ): Promise<Row[]>
  createDatabase(name?: string): Promise<string>
  backends(filter?: BackendFilter): Promise<Backend[]>
  killBackends(filter?: BackendFilter): Promise<number>
  readOnly(on: boolean): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

/** What a server's handle is told of it. */
export interface ServerDescription {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly database: string
  /** Whether it takes connections over TLS only. */
  readonly tls: boolean
}

/** A name for a database, a different one each time. */
export function uniqueName(): string {
  return `test_${randomBytes(8).toString('hex')}`
}

/** The URL to connect to an endpoint with. */
export function connectionUrl(scheme: string, { host, port, user, password, database }: Endpoint): string {
  const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
  return `${scheme}://${credentials}@${isIPv6(host) ? `[${host}]` : host}:${port}/${encodeURIComponent(database)}`
}
