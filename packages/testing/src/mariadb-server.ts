import type { Connection } from 'mysql2'
import { createPool, escapeId, type Pool, type RowDataPacket } from 'mysql2/promise'
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
import { expectOptions, expectValue, flag, identifier, label, values as list } from './expectation.ts'
import { observer, root } from './mariadb-engine.ts'
import type { ServerProcess } from './server-process.ts'

/**
 * A real MariaDB server of this process, with a data directory of its own, made by `startMariadb`.
 *
 * However this process ends, SIGKILL included, the server ends and its data is removed. It does not keep the process
 * alive. What asks the server something (`query`, `createDatabase`, `backends`, `killBackends`, `readOnly`) rejects at
 * once with a `TestingError` while it is frozen (code `FROZEN`) or after its end (`STOPPED`), instead of waiting for an
 * answer that cannot come; a question that was under way when the server froze is answered after `thaw`.
 */
export class MariadbServer implements DatabaseServer {
  readonly host: string
  readonly port: number
  /** What it is called in errors. */
  readonly name: string
  readonly user: string = root.user
  readonly password: string = root.password
  /** The database that `url` and `query` mean when none is named. */
  readonly database: string
  readonly #process: ServerProcess
  readonly #pool: Pool
  #stopping: Promise<void> | undefined

  /** @internal */
  constructor(process: ServerProcess, { host, port, name, database, tls }: ServerDescription) {
    this.#process = process
    this.host = host
    this.port = port
    this.name = name
    this.database = database
    this.#pool = createPool({
      host,
      port,
      ...observer,
      // We started it ourselves, so there is nothing to verify.
      ...(tls && { ssl: { rejectUnauthorized: false } }),
      connectionLimit: 4,
      multipleStatements: true,
    })
    // What idles must not keep the process alive.
    this.#pool.on('acquire', (connection) => streamOf(connection).ref())
    this.#pool.on('release', (connection) => streamOf(connection).unref())
  }

  /** The process id of the server. */
  get pid(): number {
    return this.#process.pid
  }

  /** `running`, `frozen` by `freeze`, or `stopped`, by `stop`, while it restarts, or in any other way. */
  get state(): 'running' | 'frozen' | 'stopped' {
    return this.#process.state
  }

  /** The connection URL, with the password, of this server or of another host that leads to it. */
  url(options: UrlOptions = {}): string {
    return mariadbUrl(this, options)
  }

  /**
   * Runs SQL with all rights over a connection of its own, and gives the rows of the last statement.
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
    return await this.#ask<Row>(text, values, database)
  }

  /** Creates a database, under a name that no other has unless one is given, and resolves with its name. */
  async createDatabase(name: string = uniqueName()): Promise<string> {
    expectValue('name', name, identifier)
    await this.#ask(`create database ${escapeId(name, true)}`)
    return name
  }

  /** The connections of clients that the server has now, oldest first, without those of this object. */
  async backends(filter: BackendFilter = {}): Promise<Backend[]> {
    expectOptions(filter, { database: identifier, user: identifier }, 'filter')
    const { database = null, user = null } = filter
    return await this.#ask<Backend>(processes, [database, database, user, user])
  }

  /**
   * Ends the connections of clients from the server's side, as an administrator or a failover does: what they run fails
   * with error 1927, `ER_CONNECTION_KILLED`. Resolves, once they are gone, with how many there were; one that takes
   * longer than 5 s is not counted.
   */
  async killBackends(filter: BackendFilter = {}): Promise<number> {
    const chosen = (await this.backends(filter)).map(({ pid }) => pid)
    // One that has ended meanwhile is gone, which is what was wanted.
    for (const pid of chosen) await this.#ask(`kill connection ${pid}`).catch(ignoreUnknownThread)
    const end = performance.now() + 5_000
    for (;;) {
      const left = new Set((await this.backends(filter)).map(({ pid }) => pid))
      const gone = chosen.filter((pid) => !left.has(pid)).length
      if (gone === chosen.length || performance.now() > end) return gone
    }
  }

  /** Makes the server refuse writes of ordinary accounts with error 1290, as a demoted one does, or accept them again. */
  async readOnly(on: boolean): Promise<void> {
    expectValue('on', on, flag)
    await this.#ask(`set global read_only = ${on ? 1 : 0}`)
  }

  /**
   * Stops the server where it stands: connections stay open, new ones are still accepted by the kernel, and nothing is
   * answered. Does nothing if it is frozen already.
   */
  async freeze(): Promise<void> {
    this.#process.freeze()
  }

  /** Lets a frozen server go on where it stood; it answers what it was asked meanwhile. */
  async thaw(): Promise<void> {
    this.#process.thaw()
  }

  /**
   * Shuts the server down, frozen or not, and starts it again where it was, with all its data: clients lose their connections,
   * and ECONNREFUSED meanwhile. Resolves once it accepts connections. It counts as stopped until then, and calls meanwhile
   * share the one restart. If it does not start again it rejects with `START_FAILED`, and nothing is left of it.
   */
  async restart(): Promise<void> {
    await this.#process.restart()
  }

  /**
   * Shuts the server down, frozen or not: clients lose their connections. Resolves once no process and no data of it is
   * left; calling it again gives the same promise.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    await this.#process.stop()
    // It cannot say farewell to a server that has gone, and may fail for that.
    await this.#pool.end().catch(() => undefined)
  }

  /** In a database if one is named; which one a connection was in last does not matter to those that name none. */
  async #ask<Row extends object>(text: string, values: readonly unknown[] = [], database?: string): Promise<Row[]> {
    this.#process.expectRunning()
    const connection = await this.#pool.getConnection()
    try {
      if (database !== undefined) await connection.query(`use ${escapeId(database, true)}`)
      const [result] = await connection.query<RowDataPacket[]>(text, [...values])
      return rowsOf<Row>(result)
    } finally {
      connection.release()
    }
  }
}

/** The URL to connect to a MariaDB server with, or to what `options` name instead. */
export function mariadbUrl(endpoint: Endpoint, options: UrlOptions): string {
  expectOptions(options, { host: label, database: identifier })
  const { host = endpoint.host, database = endpoint.database } = options
  return connectionUrl('mysql', { ...endpoint, host, database })
}

const processes = `select id as pid, db as \`database\`, user, coalesce(info, '') as query,
    if(command = 'Sleep', 'idle', 'active') as state,
    if(locate(':', host) = 0, null, cast(substring_index(host, ':', -1) as int)) as clientPort
  from information_schema.processlist
  where user not in ('${observer.user}', 'system user', 'event_scheduler', 'unauthenticated user')
    and (? is null or db = ?) and (? is null or user = ?)
  order by id`

function streamOf(connection: unknown): { ref(): void; unref(): void } {
  // Not in mysql2's types, but in its documentation.
  return (connection as Connection & { stream: { ref(): void; unref(): void } }).stream
}

function ignoreUnknownThread(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'ER_NO_SUCH_THREAD') throw error
}

/** Of several statements in one text, mysql2 gives a result each; one without rows gives what it did instead. */
function rowsOf<Row>(result: unknown): Row[] {
  if (!Array.isArray(result)) return []
  const several = result.some((each) => Array.isArray(each) || isHeader(each))
  return several ? rowsOf(result.at(-1)) : result
}

function isHeader(value: unknown): boolean {
  return typeof value === 'object' && value !== null && value.constructor.name === 'ResultSetHeader'
}
