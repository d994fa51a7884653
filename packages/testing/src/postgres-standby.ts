import { expectOptions, expectValue, ipAddress, label } from './expectation.ts'
import { type PostgresOptions, postgres } from './postgres.ts'
import { type Authentication, reservedPostgresSettings, standbyEngine } from './postgres-engine.ts'
import { type PostgresServer, postgresServer } from './postgres-server.ts'
import { type ServerKind, type SingleOptions, serverOptions, startAll } from './servers.ts'

export interface StartPostgresStandbyOptions extends SingleOptions, Pick<PostgresOptions, 'port' | 'settings'> {
  /** The address to listen on, one of this machine. Default: `127.0.0.2`. */
  readonly host?: string
  /** The port to listen on. Default: the primary's, or a free one where the primary listens on the same address. */
  readonly port?: number
  /** Further settings beside those of the primary: `{ recovery_min_apply_delay: '2s' }`. Default: none. */
  readonly settings?: Readonly<Record<string, string>>
}

/** How a primary lets clients in, and what it was started with. */
interface Example {
  readonly auth: Authentication
  readonly maxConnections: number
  readonly settings: Readonly<Record<string, string>>
}

/**
 * Starts a streaming standby of a running server: it has the primary's databases, settings and accounts, answers
 * reads, refuses writes with SQLSTATE 25006, and accepts them after `promote`.
 *
 * Resolves once it has replayed what the primary had written when it was called. If it cannot start or follow, it
 * rejects with a `TestingError`, nothing is left of it, and the primary serves on.
 */
export async function startPostgresStandby(
  primary: PostgresServer,
  options: StartPostgresStandbyOptions = {},
): Promise<PostgresServer> {
  expectValue('primary', primary, postgresServer)
  const { port: portNumber, settings } = serverOptions(reservedPostgresSettings)
  expectOptions(options, { host: ipAddress, name: label, port: portNumber, settings })
  const { host = '127.0.0.2', name } = options
  const port = options.port ?? (host === primary.host ? undefined : primary.port)
  const { auth, ...example } = await exampleOf(primary)
  const kind: ServerKind<PostgresServer, PostgresOptions> = {
    ...postgres,
    engine: () => standbyEngine(auth, primary),
    database: primary.database,
  }
  const all = {
    ...example,
    settings: { ...example.settings, ...options.settings },
    ...(port !== undefined && { port }),
  }
  const [standby] = await startAll(kind, [host], all, name === undefined ? [] : [name])
  if (standby === undefined) throw new TypeError('Expected one server for one host')
  try {
    await standby.caughtUpWith(primary)
    return standby
  } catch (error) {
    await standby.stop()
    throw error
  }
}

/** A standby refuses to start with less than what its primary was started with. */
async function exampleOf(primary: PostgresServer): Promise<Example> {
  const [rows, [login]] = await Promise.all([
    primary.query<{ name: string; value: string }>(
      "select name, current_setting(name) as value from pg_settings where source = 'command line'",
    ),
    primary.query<{ auth: Authentication }>('select auth_method as auth from pg_hba_file_rules limit 1'),
  ])
  if (login === undefined) throw new TypeError('Expected a server to let clients in')
  const given = Object.fromEntries(rows.map(({ name, value }) => [name, value]))
  return {
    auth: login.auth,
    maxConnections: Number(given['max_connections']),
    settings: Object.fromEntries(Object.entries(given).filter(([key]) => !reservedPostgresSettings.has(key))),
  }
}
