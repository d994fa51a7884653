import type { ConnectionString } from './connection-string.ts'
import type { ServerFacts, Timing } from './findings.ts'
import type { ProxyEvidence } from './proxy.ts'

/** One connection of ours. Whatever it is asked is answered or fails within a bounded time. */
export interface Session {
  /** The address that it is really connected to. */
  readonly address: string
  readonly timing: Timing
  facts(): Promise<ServerFacts>
  /** Asks anew. */
  writable(): Promise<boolean>
  /** What tells of a proxy; may open a connection of its own. */
  evidence(): Promise<Omit<ProxyEvidence, 'names'>>
  /** Says goodbye and waits for nothing; the socket is gone within a second. */
  close(): void
}

/** Opens sessions of one kind of database. */
export interface Engine {
  /** Connects as a driver would, or to that one address of the host. */
  connect(to: ConnectionString, address?: string): Promise<Session>
}

/** How long connecting, or one answer, may take. */
export const patienceMs = 5_000
