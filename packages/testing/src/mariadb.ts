import { firstDatabase, mariadbEngine, reservedMariadbSettings } from './mariadb-engine.ts'
import { MariadbServer } from './mariadb-server.ts'
import {
  type ServerKind,
  type ServerOptions,
  type SeveralOptions,
  type SingleOptions,
  serverOptions,
  startServer,
  startServers,
} from './servers.ts'

export interface StartMariadbOptions extends ServerOptions, SingleOptions {}

export interface StartMariadbServersOptions extends ServerOptions, SeveralOptions {}

/** MariaDB servers. */
export const mariadb: ServerKind<MariadbServer, ServerOptions> = {
  engine: () => mariadbEngine,
  database: firstDatabase,
  expected: serverOptions(reservedMariadbSettings),
  handle: (process, description) => new MariadbServer(process, description),
}

/**
 * Starts one MariaDB server, of the one that is installed on the machine, and resolves when it accepts connections.
 * If it cannot start it rejects with a `TestingError` that holds the last lines of its log, and nothing is left of it.
 * `mariadbAvailable` tells whether there is one; the error of code `UNSUPPORTED_PLATFORM` says how to get it.
 */
export function startMariadb(options: StartMariadbOptions = {}): Promise<MariadbServer> {
  return startServer(mariadb, options)
}

/**
 * Starts a MariaDB server on each of the hosts, all on one port and each with data of its own, so that a name that
 * moves from one address to another leads to another server. Starts all of them or, if one fails, none.
 */
export function startMariadbServers(
  hosts: readonly string[],
  options: StartMariadbServersOptions = {},
): Promise<MariadbServer[]> {
  return startServers(mariadb, hosts, options)
}
