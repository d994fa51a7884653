import type { DatabaseServer } from '@periodic-flush/testing'

/** What the clients log in as; it owns nothing, and no privilege lets it through where others are refused. */
export const USER = 'chaos'

/** How many connections a server takes, of which the clients use about half at most. */
export const CONNECTIONS = 120

/** The hosts of the two servers, and of the gates in front of them. */
export const HOSTS = ['127.0.0.1', '127.0.0.2'] as const

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** One kind of database: how its servers are started, and how what is done to them is done on it. */
export interface Engine<Server extends DatabaseServer = DatabaseServer> {
  readonly name: 'postgres' | 'mariadb'
  /** A server on each of the hosts, all on one port. */
  start(tls: Certificate): Promise<Server[]>
  /** Makes the ledger, and the account with that password. */
  prepare(server: Server, password: string): Promise<void>
  /** Appends (id, 1) … (id, parts) to the ledger, and gives as many rows. */
  appendMany(id: string, parts: number): string
  /** Fails since there is no room on the disk. */
  readonly overflow: string
  setPassword(server: Server, password: string): Promise<unknown>
  /** The account may connect with TLS only, or without only. */
  requireTls(server: Server, on: boolean): Promise<unknown>
  /** Leaves no connection for ordinary accounts; what it returns ends that. */
  exhaust(server: Server): Promise<() => Promise<unknown>>
  /** Ends the server's work without any farewell; resolves once that has begun, and it recovers by itself. */
  crash(server: Server): Promise<void>
}
