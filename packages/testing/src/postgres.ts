import type { Expectation } from './expectation.ts'
import { type Authentication, postgresEngine, reservedPostgresSettings } from './postgres-engine.ts'
import { PostgresServer } from './postgres-server.ts'
import {
  type ServerKind,
  type ServerOptions,
  type SeveralOptions,
  type SingleOptions,
  serverOptions,
  startServer,
  startServers,
} from './servers.ts'

/** What all ways of starting PostgreSQL take. */
export interface PostgresOptions extends ServerOptions {
  /** How clients log in: by password, or without any check. Default: `scram-sha-256`. */
  readonly auth?: Authentication
}

export interface StartPostgresOptions extends PostgresOptions, SingleOptions {}

export interface StartPostgresServersOptions extends PostgresOptions, SeveralOptions {}

const authentication: Expectation = {
  type: 'string',
  expected: "'scram-sha-256' or 'trust'",
  holds: (value: string) => value === 'scram-sha-256' || value === 'trust',
}

/** PostgreSQL servers. */
export const postgres: ServerKind<PostgresServer, PostgresOptions> = {
  engine: ({ auth = 'scram-sha-256' }) => postgresEngine(auth),
  database: 'postgres',
  expected: { ...serverOptions(reservedPostgresSettings), auth: authentication },
  handle: (process, description) => new PostgresServer(process, description),
}

/**
 * Starts one PostgreSQL server and resolves when it accepts connections, after about a second.
 * If it cannot start it rejects with a `TestingError` that holds the last lines of its log, and nothing is left of it.
 */
export function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  return startServer(postgres, options)
}

/**
 * Starts a PostgreSQL server on each of the hosts, all on one port and each with data of its own, so that a name that
 * moves from one address to another leads to another server. Starts all of them or, if one fails, none.
 */
export function startPostgresServers(
  hosts: readonly string[],
  options: StartPostgresServersOptions = {},
): Promise<PostgresServer[]> {
  return startServers(postgres, hosts, options)
}
