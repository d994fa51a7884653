import type { Socket } from 'node:net'
import type { ScopedSql } from './scope.ts'

/** A postgres.js query as far as this package touches it: the driver reads and writes these fields live. */
export interface Query extends Promise<unknown> {
  handler: Handler
  canceller: Handler | null
  strings: readonly string[]
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
  /** Null until the query is written to a connection. */
  state: object | null
  active: boolean
  cancelled: unknown
  execute: () => Query
  /** Rows of buffers, past the user's parsers. */
  raw(): Promise<readonly (readonly (Buffer | null)[] | undefined)[]>
  readonly cursorRows?: number
  /** What a cursor does with its next rows; an iterator replaces it at every step. */
  cursorFn?: (rows: unknown) => unknown
  readonly streaming?: boolean
  forEachFn?: (...args: unknown[]) => unknown
}

/** A connection of postgres.js, which it shows while a statement is sent on it. */
export interface Connection {
  onclose: ((error: Error) => void) | null | undefined
}

export interface Handler {
  (query: Query): unknown
  /** postgres.js asks it for a stack trace. */
  debug?: unknown
}

export interface Reserved extends ScopedSql {
  release(): void
}

export interface Callable {
  (first: unknown, ...rest: readonly unknown[]): unknown
  unsafe(text: string, ...rest: readonly unknown[]): Query
}

/** The options that postgres.js parsed, as far as this package touches them. */
export interface ClientOptions {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path: string | false | undefined
  readonly max: number
  readonly ssl: unknown
  readonly debug: unknown
  /** The password, or what gives it: called at every connect. */
  pass: unknown
  readonly fetch_types: unknown
  readonly parameters: object
  parsers: Record<string, unknown>
  readonly serializers: Record<string, unknown>
  readonly shared: { readonly typeArrayMap: Record<string, unknown> }
  /** Read live at every connect. */
  socket: ((options: ClientOptions) => Socket | Promise<Socket>) | undefined
}

/** A postgres.js client without its user-facing generics. */
export interface Client extends Callable {
  readonly options: ClientOptions
  readonly parameters: unknown
  readonly types: unknown
  readonly CLOSE: unknown
  readonly PostgresError: unknown
  unsafe: (text: string, ...rest: readonly unknown[]) => Query
  begin: (...args: readonly unknown[]) => Promise<unknown>
  array(...args: readonly unknown[]): { array: unknown }
  json(value: unknown): unknown
  file(...args: readonly unknown[]): Query
  reserve(): Promise<Reserved>
  readonly listen: Listen
  readonly subscribe: Subscribe
  largeObject(...args: readonly unknown[]): Promise<unknown>
  close(): Promise<void>
  end(options?: { timeout?: number }): Promise<void>
}

/** What `listen` resolves to: the backend that listens. */
export interface Listened {
  readonly state: object
}

/** postgres.js keeps its listening client, and what that listens to, on the function itself. */
export interface Listen {
  (channel: string, onnotify: (payload: string) => void, onlisten: () => void): Promise<Listened>
  sql: Client | undefined
  channels: Record<string, unknown>
}

/** As for `listen`; the replicating client is there from the start. */
export interface Subscribe {
  (...args: readonly unknown[]): Promise<unknown>
  readonly sql: Client
}

export const noop = (): void => {}
