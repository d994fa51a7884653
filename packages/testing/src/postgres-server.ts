import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type ClientConfig, escapeIdentifier, Pool } from 'pg'
import {
  type Backend,
  type BackendFilter,
  connectionUrl,
  type DatabaseServer,
  type Endpoint,
  type ServerDescription,
  type UrlOptions,
  uniqueName,
} from './database-server.ts'
import { TestingError } from './errors.ts'
import { type Expectation, expectOptions, expectValue, flag, identifier, label, values as list } from './expectation.ts'
import { superuser } from './postgres-engine.ts'
import type { ServerProcess } from './server-process.ts'

/** What the own connections of a server's handle are called, so that `backends()` can leave them out. */
export const ownApplicationName = 'periodic-flush-testing'

/** How long a server may take to follow what it was told. */
const patienceMs = 30_000

/** The database that every server has. */
const maintenanceDatabase = 'postgres'

/** One client's connection, as the server itself sees it in `pg_stat_activity`. */
export interface PostgresBackend extends Backend {
  readonly applicationName: string
  /** `active`, `idle`, `idle in transaction` … */
  readonly state: string | null
  readonly backendStart: Date
}

/** Which backends: those for which everything given here is true, so none given means all. */
export interface PostgresBackendFilter extends BackendFilter {
  readonly applicationName?: string
}

/** What to put into a connection URL instead of the server's own. */
export interface PostgresUrlOptions extends UrlOptions {
  readonly applicationName?: string
}

/**
 * A real PostgreSQL server of this process, with a data directory of its own, made by `startPostgres`.
 *
 * However this process ends, SIGKILL included, the server ends and its data is removed. It does not keep the process
 * alive. What asks the server something (`query`, `createDatabase`, `backends`, `killBackends`, `readOnly`, `promote`,
 * `caughtUpWith`) rejects at once with a `TestingError` while it is frozen (code `FROZEN`) or after its end (`STOPPED`),
 * instead of waiting for an answer that cannot come; a question that was under way when the server froze is answered
 * after `thaw`.
 */
export class PostgresServer implements DatabaseServer {
  readonly host: string
  readonly port: number
  /** What it is called in errors. */
  readonly name: string
  readonly user: string = superuser.user
  readonly password: string = superuser.password
  /** The database that `url` and `query` mean when none is named. */
  readonly database: string
  readonly #process: ServerProcess
  readonly #tls: boolean
  readonly #pool: Pool
  #stopping: Promise<void> | undefined

  /** @internal */
  constructor(process: ServerProcess, { host, port, name, database, tls }: ServerDescription) {
    this.#process = process
    this.host = host
    this.port = port
    this.name = name
    this.database = database
    this.#tls = tls
    this.#pool = new Pool({ ...this.#config(maintenanceDatabase), max: 4, idleTimeoutMillis: 0, allowExitOnIdle: true })
    // An idle connection that breaks is replaced at the next query, which is the one to say what is wrong.
    this.#pool.on('error', () => undefined)
  }

  /** The process id of the postmaster. */
  get pid(): number {
    return this.#process.pid
  }

  /** `running`, `frozen` by `freeze`, or `stopped`, by `stop`, while it restarts, or in any other way. */
  get state(): 'running' | 'frozen' | 'stopped' {
    return this.#process.state
  }

  /** The connection URL, with the password, of this server or of another host that leads to it. */
  url(options: PostgresUrlOptions = {}): string {
    return postgresUrl(this, options)
  }

  /**
   * Runs SQL as the superuser over a connection of its own, and gives the rows of the last statement.
   * Queries that run at once use several connections. `database` is the server's unless given.
   */
  async query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    database: string = this.database,
  ): Promise<Row[]> {
    expectValue('text', text, label)
    expectValue('database', database, identifier)
    if (values !== undefined) expectValue('values', values, list)
    this.#process.expectRunning()
    if (database === maintenanceDatabase) return rowsOf<Row>(await this.#pool.query(text, values && [...values]))
    // Not kept open: a connection would stand in the way of DROP DATABASE, or of using it as a template.
    const client = new Client(this.#config(database))
    client.on('error', () => undefined)
    await client.connect()
    try {
      return rowsOf<Row>(await client.query(text, values && [...values]))
    } finally {
      await client.end()
    }
  }

  /** Creates a database, under a name that no other has unless one is given, and resolves with its name. */
  async createDatabase(name: string = uniqueName()): Promise<string> {
    expectValue('name', name, identifier)
    await this.query(`create database ${escapeIdentifier(name)}`, [], maintenanceDatabase)
    return name
  }

  /** The connections of clients that the server has now, oldest first, without those of this object. */
  async backends(filter: PostgresBackendFilter = {}): Promise<PostgresBackend[]> {
    return await this.query<PostgresBackend>(
      `select pid, application_name as "applicationName", datname as database, usename as user, state, query,
              nullif(client_port, -1) as "clientPort", backend_start as "backendStart"
       from pg_stat_activity where ${matching} order by backend_start, pid`,
      matchingValues(filter),
      maintenanceDatabase,
    )
  }

  /**
   * Ends the connections of clients from the server's side, as an administrator or a failover does: they get SQLSTATE
   * 57P01. Resolves, once they are gone, with how many there were; one that takes longer than 5 s is not counted.
   */
  async killBackends(filter: PostgresBackendFilter = {}): Promise<number> {
    const killed = await this.query(
      // Materialized, since the planner would evaluate a condition that kills before those that choose.
      `with chosen as materialized (select pid from pg_stat_activity where ${matching})
       select pid from chosen where pg_terminate_backend(pid, 5000)`,
      matchingValues(filter),
      maintenanceDatabase,
    )
    return killed.length
  }

  /**
   * Makes the server refuse writes of clients with SQLSTATE 25006, as a demoted one does, or accept them again; `query`
   * still writes. Resolves once it holds for every transaction that begins, on open connections too; one that has begun
   * goes on as it was. As with any `default_transaction_read_only`, a client that says `read write` still may.
   */
  async readOnly(on: boolean): Promise<void> {
    expectValue('on', on, flag)
    const wanted = on ? 'on' : 'off'
    await this.query(`alter system set default_transaction_read_only = ${wanted}`, [], maintenanceDatabase)
    await this.query('select pg_reload_conf()', [], maintenanceDatabase)
    // The postmaster has told all open connections before it lets in a new one that knows.
    await this.#until(
      async () => (await this.#newcomersDefault()) === wanted,
      `has not become ${on ? 'read-only' : 'writable'}`,
    )
  }

  /**
   * Makes a standby a primary: resolves once it accepts writes. It follows nobody from then on. A server that is no
   * standby keeps PostgreSQL's own error (SQLSTATE 55000).
   */
  async promote(): Promise<void> {
    const [row] = await this.query<{ promoted: boolean }>(
      'select pg_promote(true, $1) as promoted',
      [patienceMs / 1_000],
      maintenanceDatabase,
    )
    if (row?.promoted !== true) throw this.#replicationError('was not promoted')
  }

  /**
   * Resolves once this standby has replayed all that `primary` had written when it was called. Rejects with
   * `REPLICATION_FAILED` if this is no standby (any more), or is still behind after 30 s.
   */
  async caughtUpWith(primary: PostgresServer): Promise<void> {
    expectValue('primary', primary, postgresServer)
    // The message itself is nothing to anybody; unlike a look at the position, it gets what comes before it sent.
    const [written] = await primary.query<{ position: string }>(
      "select pg_logical_emit_message(false, 'periodic-flush-testing', '', true) as position",
      [],
      maintenanceDatabase,
    )
    await this.#until(async () => {
      const [row] = await this.query<{ standby: boolean; reached: boolean | null }>(
        'select pg_is_in_recovery() as standby, pg_last_wal_replay_lsn() >= $1::pg_lsn as reached',
        [written?.position],
        maintenanceDatabase,
      )
      if (row?.standby !== true) throw this.#replicationError('is no standby')
      return row.reached === true
    }, `has not caught up with "${primary.name}"`)
  }

  /**
   * Stops every process of the server where it stands: connections stay open, new ones are still accepted by the
   * kernel, and nothing is answered. Does nothing if it is frozen already.
   */
  async freeze(): Promise<void> {
    this.#process.freeze()
  }

  /** Lets a frozen server go on where it stood; it answers what it was asked meanwhile. */
  async thaw(): Promise<void> {
    this.#process.thaw()
  }

  /**
   * Shuts the server down, frozen or not, and starts it again where it was, with all its data: clients get SQLSTATE 57P01,
   * and ECONNREFUSED meanwhile. Resolves once it accepts connections. It counts as stopped until then, and calls meanwhile
   * share the one restart. If it does not start again it rejects with `START_FAILED`, and nothing is left of it.
   */
  async restart(): Promise<void> {
    await this.#process.restart()
  }

  /**
   * Shuts the server down, frozen or not: clients get SQLSTATE 57P01. Resolves once no process and no data of it is
   * left; calling it again gives the same promise.
   */
  stop(): Promise<void> {
    this.#stopping ??= Promise.all([this.#process.stop(), this.#pool.end()]).then(() => undefined)
    return this.#stopping
  }

  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #config(database: string): ClientConfig {
    const { host, port, user, password } = this
    // `readOnly` is for clients.
    const options = '-c default_transaction_read_only=off'
    // We started it ourselves, so there is nothing to verify.
    const ssl = this.#tls && { rejectUnauthorized: false }
    return { host, port, user, password, database, options, ssl, application_name: ownApplicationName }
  }

  /** What a client that connects now has for `default_transaction_read_only`. */
  async #newcomersDefault(): Promise<string | undefined> {
    this.#process.expectRunning()
    const client = new Client({ ...this.#config(maintenanceDatabase), options: '' })
    client.on('error', () => undefined)
    await client.connect()
    try {
      const { rows } = await client.query("select current_setting('default_transaction_read_only') as value")
      return rows[0]?.value
    } finally {
      await client.end()
    }
  }

  /** Asks until it is so. */
  async #until(holds: () => Promise<boolean>, complaint: string): Promise<void> {
    const end = performance.now() + patienceMs
    while (!(await holds())) {
      if (performance.now() > end) throw this.#replicationError(`${complaint} within ${patienceMs} ms`)
      await sleep(5)
    }
  }

  #replicationError(what: string): TestingError {
    return new TestingError('REPLICATION_FAILED', `${this.#process.label} ${what}`)
  }
}

export const postgresServer: Expectation = {
  type: 'object',
  expected: 'a PostgresServer',
  kind: (value) => value instanceof PostgresServer,
  holds: () => true,
}

/** The URL to connect to a PostgreSQL server with, or to what `options` name instead. */
export function postgresUrl(endpoint: Endpoint, options: PostgresUrlOptions): string {
  expectOptions(options, { host: label, database: identifier, applicationName: label })
  const { host = endpoint.host, database = endpoint.database, applicationName } = options
  const query = applicationName === undefined ? '' : `?application_name=${encodeURIComponent(applicationName)}`
  return `${connectionUrl('postgres', { ...endpoint, host, database })}${query}`
}

const matching = `backend_type = 'client backend' and application_name <> '${ownApplicationName}'
  and ($1::text is null or datname = $1)
  and ($2::text is null or usename = $2)
  and ($3::text is null or application_name = $3)`

function matchingValues(filter: PostgresBackendFilter): (string | undefined)[] {
  expectOptions(filter, { database: identifier, user: identifier, applicationName: label }, 'filter')
  return [filter.database, filter.user, filter.applicationName]
}

/** Of several statements in one text, pg gives a result each. */
function rowsOf<Row>(result: { rows: Row[] } | readonly { rows: Row[] }[]): Row[] {
  const last = 'rows' in result ? result : result.at(-1)
  return last?.rows ?? []
}
