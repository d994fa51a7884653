import type { Provider } from './provider.ts'
import type { ProxyFindings } from './proxy.ts'
import type { Refusal } from './refusal.ts'

export type EngineName = 'postgres' | 'mysql'

/** What one look-up of the name came to. */
export type Answer = { readonly addresses: readonly string[] } | { readonly failure: string }

/** A look-up whose answer was not that of the look-up before it. */
export type Change = Answer & { readonly atMs: number }

/** What the host part of the connection string is, and how its answers changed while it was looked up. */
export interface NameFindings {
  readonly host: string
  /** `name` is the only kind that can move. */
  readonly kind: 'name' | 'address' | 'local' | 'socket'
  readonly lookups: number
  readonly overMs: number
  /** The first answer, and each one that differed from the one before it. */
  readonly changes: readonly Change[]
  /** The names that it is an alias of, in their order. */
  readonly aliases: readonly string[]
  /** The highest time to live seen, since a resolver that caches counts it down; absent where none tells. */
  readonly ttlSeconds?: number
  readonly provider?: Provider
}

/** How long each part of a connect took, in milliseconds. */
export interface Timing {
  /** Absent where nothing was looked up. */
  readonly dnsMs?: number
  readonly tcpMs: number
  /** Absent without TLS. */
  readonly tlsMs?: number
  /** From then on until the server takes statements. */
  readonly authMs: number
  readonly totalMs: number
}

/** How many connections the server takes. */
export interface Capacity {
  readonly maxConnections: number
  /** Kept for administrators. */
  readonly reserved: number
  readonly used: number
  /** What is left for you, the limits of your account and database included. */
  readonly free: number
}

/** What a server says of itself. */
export interface ServerFacts {
  /** `PostgreSQL 18.0`, `MariaDB 10.11.6`, `MySQL 8.4.0`. */
  readonly version: string
  /** Who it says it is: its address and port, or its host name. Behind a proxy that is not where you connected to. */
  readonly self: string
  readonly writable: boolean
  /** Replicas that follow it now; absent where your account may not see them. */
  readonly replicas?: number
  readonly capacity: Capacity
}

/** The server behind one address, or why it could not be asked; `refused` if it was reached, and said no. */
export type ServerFindings =
  | ({ readonly address: string } & ServerFacts)
  | { readonly address: string; readonly failure: string; readonly refused?: Refusal }

/** All that was found, in plain data: what `--json` prints. */
export interface Findings {
  readonly engine: EngineName
  /** User, host, port and database; never a password. */
  readonly target: string
  readonly name: NameFindings
  readonly servers: readonly ServerFindings[]
  /** The median of a few connects; absent if none succeeded. */
  readonly connect?: Timing
  readonly proxy?: ProxyFindings
  /** True if something that is not known as a proxy forwards the connection: HAProxy, a load balancer, NAT. */
  readonly forwarded?: true
}
