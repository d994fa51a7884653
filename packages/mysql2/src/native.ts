import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Pool as CallbackPool } from 'mysql2'
import * as mysql2 from 'mysql2'
import type { Pool as PromisePool } from 'mysql2/promise'

/** What a factory may return: a pool of either flavour. */
export type AnyPool = CallbackPool | PromisePool

/** A statement on its way, as far as this package touches it. */
export interface Command extends EventEmitter {
  onResult?: (error: unknown) => void
}

/** What the server sends, as far as this package reads it. */
export interface Packet {
  isError(): boolean
  asError(encoding?: string): Error
  /** Lets it be read once more. */
  reset(): void
}

/** A connection of the callback flavour, as far as this package touches it. */
export interface Connection extends EventEmitter {
  readonly config: { gracefulEnd?: boolean }
  readonly stream: Duplex
  /** Null once it has left its pool. */
  readonly _pool?: unknown
  /** Whether the server has let it in. */
  readonly authorized: boolean
  release(): void
  destroy(): void
  end(callback?: () => void): void
  readonly clientEncoding?: string
  /** What it works at, and what it is to do after that. */
  readonly _command?: Command | null
  readonly _commands: { readonly length: number; toArray(): readonly Command[] }
  /** Gets every packet that the server sends; undefined where a command starts. */
  handlePacket: (packet?: Packet) => void
  /** Tells whatever runs on it, or waits, that the connection is lost. */
  _notifyError: (error: unknown) => void
  addCommand: (command: Command) => Command
  /** What takes the place of `addCommand` once the connection is closed. */
  _addCommandClosedState: (command: Command) => Command
}

/** How a connection is opened; mysql2 reads it anew for each. */
export interface ConnectionConfig {
  readonly host: string
  readonly port: number
  readonly socketPath?: string
  readonly enableKeepAlive: boolean
  readonly keepAliveInitialDelay: number
  stream?: Duplex | ((options: unknown) => Duplex)
  pool?: unknown
}

/** How a pool behaves; mysql2 reads it live. */
export interface PoolConfig {
  readonly connectionConfig: ConnectionConfig
  connectionLimit: number
  maxIdle: number
  queueLimit: number
  waitForConnections: boolean
}

export type Connected = (error: unknown, connection?: Connection) => void

/** All that `query` and `execute` of a pool ask of it. */
export interface Lender {
  readonly config: PoolConfig
  getConnection(callback: Connected): void
}

interface Connections {
  toArray(): readonly Connection[]
}

/** A pool of the callback flavour without its user-facing generics. */
export interface NativePool extends Lender, EventEmitter {
  /** Also those that are still being made, which no event tells of. */
  readonly _allConnections: Connections & { push(connection: Connection): unknown }
  readonly _freeConnections: Connections
  releaseConnection(connection: Connection): void
  query(this: Lender, sql: unknown, values?: unknown, callback?: unknown): Command
  execute(this: Lender, sql: unknown, values?: unknown, callback?: unknown): void
  end(callback?: (error?: unknown) => void): void
  promise(implementation?: unknown): object
}

/** mysql2's own class, which its types do not show. */
export const NativePool = (mysql2 as unknown as { Pool: new (options: { config: PoolConfig }) => NativePool }).Pool

/** mysql2's own class of connections; only those of a pool can be released. */
export const NativeConnection = mysql2.Connection as unknown as new () => Omit<Connection, 'release'> &
  Partial<Pick<Connection, 'release'>>

/** The pool of the callback flavour that one of the promise flavour stands on; the other is that itself. */
export function nativeOf(pool: object): unknown {
  return 'pool' in pool ? pool.pool : pool
}

export const noop = (): void => {}
