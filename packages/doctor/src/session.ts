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
  connect(to: ConnectionString, way: Way): Promise<Session>
}

/** How to connect. */
export interface Way {
  /** One address of the host. Default: whichever a driver would reach. */
  readonly address?: string | undefined
  /** How long connecting, and each answer, may take. */
  readonly patienceMs: number
}
