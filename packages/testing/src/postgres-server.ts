import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { Client, type ClientConfig, escapeIdentifier, Pool } from 'pg'
import { TestingError } from './errors.ts'
import { expectOptions, expectValue, identifier, label } from './expectation.ts'
import type { Postmaster } from './postmaster.ts'
import { superuser } from './template.ts'

/** What the own connections of a server's handle are called, so that `backends()` can leave them out. */
export const ownApplicationName = 'periodic-flush-testing'

/** The database that every server has. */
const maintenanceDatabase = 'postgres'

/** One client's connection, as the server itself sees it in `pg_stat_activity`. */
export interface Backend {
  readonly pid: number
  readonly applicationName: string
  readonly database: string | null
  readonly user: string | null
  /** `active`, `idle`, `idle in transaction` … */
  readonly state: string | null
  /** The statement that it executes, or executed last. */
  readonly query: string
  readonly backendStart: Date
}

/** Which backends: those for which everything given here is true, so none given means all. */
export interface BackendFilter {
  readonly database?: string
  readonly user?: string
  readonly applicationName?: string
}

/** What to put into a connection URL instead of the server's own. */
export interface UrlOptions {
  readonly host?: string
  readonly database?: string
  readonly applicationName?: string
}

export interface PostgresServerDescription {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly database: string
}

/**
 * A real PostgreSQL server of this process, with a data directory of its own, made by `startPostgres`.
 *
 * However this process ends, SIGKILL included, the server ends and its data is removed. It does not keep the process
 * alive. What asks the server something (`query`, `createDatabase`, `backends`, `killBackends`) rejects at once with a
 * `TestingError` while it is frozen (code `FROZEN`) or after its end (`STOPPED`), instead of waiting for an answer
 * that cannot come; a question that was under way when the server froze is answered after `thaw`.
 */
export class PostgresServer implements AsyncDisposable {
  readonly host: string
  readonly port: number
  /** What it is called in errors. */
  readonly name: string
  readonly user: string = superuser.user
  readonly password: string = superuser.password
  /** The database that `url` and `query` mean when none is named. */
  readonly database: string
  readonly #postmaster: Postmaster
  readonly #pool: Pool
  #stopping: Promise<void> | undefined

  /** @internal */
  constructor(postmaster: Postmaster, { host, port, name, database }: PostgresServerDescription) {
    this.#postmaster = postmaster
    this.host = host
    this.port = port
    this.name = name
    this.database = database
    this.#pool = new Pool({ ...this.#config(maintenanceDatabase), max: 4, idleTimeoutMillis: 0, allowExitOnIdle: true })
    // An idle connection that breaks is replaced at the next query, which is the one to say what is wrong.
    this.#pool.on('error', () => undefined)
  }

  /** The process id of the postmaster. */
  get pid(): number {
    return this.#postmaster.pid
  }

  /** `running`, `frozen` by `freeze`, or `stopped`, by `stop` or in any other way. */
  get state(): 'running' | 'frozen' | 'stopped' {
    if (this.#stopping !== undefined || this.#postmaster.state === 'ended') return 'stopped'
    return this.#postmaster.state
  }

  /** The connection URL, with the password, of this server or of another host that leads to it. */
  url(options: UrlOptions = {}): string {
    return connectionUrl(this, options)
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
    this.#expectRunning()
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
  async backends(filter: BackendFilter = {}): Promise<Backend[]> {
    return await this.query<Backend>(
      `select pid, application_name as "applicationName", datname as database, usename as user, state, query,
              backend_start as "backendStart"
       from pg_stat_activity where ${matching} order by backend_start, pid`,
      matchingValues(filter),
      maintenanceDatabase,
    )
  }

  /**
   * Ends the connections of clients from the server's side, as an administrator or a failover does: they get SQLSTATE
   * 57P01. Resolves, once they are gone, with how many there were; one that takes longer than 5 s is not counted.
   */
  async killBackends(filter: BackendFilter = {}): Promise<number> {
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
   * Stops every process of the server where it stands: connections stay open, new ones are still accepted by the
   * kernel, and nothing is answered. Does nothing if it is frozen already.
   */
  async freeze(): Promise<void> {
    this.#expectNotStopped()
    this.#postmaster.freeze()
  }

  /** Lets a frozen server go on where it stood; it answers what it was asked meanwhile. */
  async thaw(): Promise<void> {
    this.#expectNotStopped()
    this.#postmaster.thaw()
  }

  /**
   * Shuts the server down, frozen or not: clients get SQLSTATE 57P01. Resolves once no process and no data of it is
   * left; calling it again gives the same promise.
   */
  stop(): Promise<void> {
    this.#stopping ??= Promise.all([this.#postmaster.stop(), this.#pool.end()]).then(() => undefined)
    return this.#stopping
  }

  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #config(database: string): ClientConfig {
    const { host, port, user, password } = this
    return { host, port, user, password, database, ssl: false, application_name: ownApplicationName }
  }

  #expectRunning(): void {
    this.#expectNotStopped()
    if (this.state === 'frozen') throw new TestingError('FROZEN', `${this.#label()} is frozen: thaw it first`)
  }

  #expectNotStopped(): void {
    if (this.state !== 'stopped') return
    if (this.#stopping) throw new TestingError('STOPPED', `${this.#label()} is stopped`)
    throw new TestingError('STOPPED', `${this.#label()} has ended by itself:\n${this.#postmaster.lastWords}`)
  }

  #label(): string {
    const address = `${this.host}:${this.port}`
    return this.name === address ? `PostgreSQL at ${address}` : `PostgreSQL "${this.name}" at ${address}`
  }
}

/** A name for a database, a different one each time. */
export function uniqueName(): string {
  return `test_${randomBytes(8).toString('hex')}`
}

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** The URL to connect to an endpoint with, or to what `options` name instead. */
export function connectionUrl(endpoint: Endpoint, options: UrlOptions): string {
  expectOptions(options, { host: label, database: identifier, applicationName: label })
  const { host = endpoint.host, database = endpoint.database, applicationName } = options
  const credentials = `${encodeURIComponent(endpoint.user)}:${encodeURIComponent(endpoint.password)}`
  const authority = `${credentials}@${isIPv6(host) ? `[${host}]` : host}:${endpoint.port}`
  const query = applicationName === undefined ? '' : `?application_name=${encodeURIComponent(applicationName)}`
  return `postgres://${authority}/${encodeURIComponent(database)}${query}`
}

const matching = `backend_type = 'client backend' and application_name <> '${ownApplicationName}'
  and ($1::text is null or datname = $1)
  and ($2::text is null or usename = $2)
  and ($3::text is null or application_name = $3)`

function matchingValues(filter: BackendFilter): (string | undefined)[] {
  expectOptions(filter, { database: identifier, user: identifier, applicationName: label }, 'filter')
  return [filter.database, filter.user, filter.applicationName]
}

/** Of several statements in one text, pg gives a result each. */
function rowsOf<Row>(result: { rows: Row[] } | readonly { rows: Row[] }[]): Row[] {
  const last = 'rows' in result ? result : result.at(-1)
  return last?.rows ?? []
}
