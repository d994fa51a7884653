import { type DatabaseServer, uniqueName } from './database-server.ts'
import { TestingError } from './errors.ts'
import { type Expectation, expectOptions, expectValue, flag, label } from './expectation.ts'
import { mariadb } from './mariadb.ts'
import type { MariadbServer } from './mariadb-server.ts'
import { type MovableName, movableName } from './names.ts'
import { type PostgresOptions, postgres } from './postgres.ts'
import type { PostgresServer } from './postgres-server.ts'
import { startPostgresStandby } from './postgres-standby.ts'
import { onFreePort, type ServerOptions, startAll } from './servers.ts'

export interface FailoverPairOptions extends PostgresOptions {
  readonly engine?: 'postgres'
  /** Whether green is a streaming standby of blue, until `pair.green.promote()`. Default: `false`. */
  readonly replicated?: boolean
  /** The host name to connect to. Default: `db.periodic-flush.test`. */
  readonly name?: string
}

export interface MariadbFailoverPairOptions extends ServerOptions {
  readonly engine: 'mariadb'
  /** The host name to connect to. Default: `db.periodic-flush.test`. */
  readonly name?: string
}

const hosts = { blue: '127.0.0.1', green: '127.0.0.2' } as const
const both = Object.values(hosts)
const sides = Object.keys(hosts)

/**
 * Two servers on one port behind a name that can be moved, made by `failoverPair`.
 *
 * Unless asked to, they do not replicate: what is to be found after a move must be written to both, as `query` and
 * `createDatabase` do. Those two fail where green is a standby: write to `blue` there, and wait for
 * `green.caughtUpWith(blue)`.
 */
export class FailoverPair<Server extends DatabaseServer = PostgresServer> implements AsyncDisposable {
  /** The server at 127.0.0.1, where the name points at first. */
  readonly blue: Server
  /** The server at 127.0.0.2. */
  readonly green: Server
  /** The name itself: its look-ups can also fail, hang, or be counted. */
  readonly name: MovableName
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  #stopping: Promise<void> | undefined

  /** @internal */
  constructor(name: MovableName, blue: Server, green: Server) {
    this.name = name
    this.blue = blue
    this.green = green
    this.port = blue.port
    this.user = blue.user
    this.password = blue.password
    this.database = blue.database
  }

  /** The server that the name points at now; throws if it was moved to an address of neither. */
  get serving(): Server {
    const server = [this.blue, this.green].find(({ host }) => host === this.name.addresses[0])
    if (server) return server
    throw new TestingError(
      'NAME_ELSEWHERE',
      `"${this.name.name}" points at ${this.name.addresses.join(', ')}, which is neither blue nor green`,
    )
  }

  /** The connection URL with the name as host; the options are those of a server's `url`. */
  url(options: Parameters<Server['url']>[0] = {}): string {
    // It knows what they may be.
    this.blue.url(options)
    return this.blue.url({ host: this.name.name, ...options })
  }

  /** Fails over: new connections to the name go to that server; those that are open stay where they are. */
  moveTo(side: 'blue' | 'green'): void {
    expectValue('side', side, sideName)
    this.name.moveTo(this[side].host)
  }

  /** Creates a database under the same name on both servers, and resolves with the name. */
  async createDatabase(name: string = uniqueName()): Promise<string> {
    await Promise.all([this.blue.createDatabase(name), this.green.createDatabase(name)])
    return name
  }

  /** Runs the same SQL on both servers, as a server's `query` does, and gives the rows of each. */
  async query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    database: string = this.database,
  ): Promise<{ blue: Row[]; green: Row[] }> {
    const [blue, green] = await Promise.all([
      this.blue.query<Row>(text, values, database),
      this.green.query<Row>(text, values, database),
    ])
    return { blue, green }
  }

  /** Restores the name and stops both servers, whatever state they are in; calling it again gives the same promise. */
  stop(): Promise<void> {
    this.name.restore()
    this.#stopping ??= Promise.all([this.blue.stop(), this.green.stop()]).then(() => undefined)
    return this.#stopping
  }

  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

const sideName: Expectation = {
  type: 'string',
  expected: "'blue' or 'green'",
  holds: (value: string) => value === 'blue' || value === 'green',
}

const engine: Expectation = {
  type: 'string',
  expected: "'postgres' or 'mariadb'",
  holds: (value: string) => value === 'postgres' || value === 'mariadb',
}

/**
 * Starts two PostgreSQL servers (or, with `engine: 'mariadb'`, two of MariaDB), blue and green, on one port at 127.0.0.1
 * and 127.0.0.2, behind a name that points at blue and can be moved. If anything of it fails, nothing is left of it. On
 * macOS the second address has to be added once: `sudo ifconfig lo0 alias 127.0.0.2 up`.
 */
export function failoverPair(options: MariadbFailoverPairOptions): Promise<FailoverPair<MariadbServer>>
export function failoverPair(options?: FailoverPairOptions): Promise<FailoverPair>
export async function failoverPair(
  options: FailoverPairOptions | MariadbFailoverPairOptions = {},
): Promise<FailoverPair | FailoverPair<MariadbServer>> {
  expectOptions(options, { name: label, engine, replicated: flag, ...postgres.expected, ...mariadb.expected })
  if (options.engine === 'mariadb') {
    return await startPair(mariadb.expected, options, () => startAll(mariadb, both, options, sides))
  }
  return await startPair({ ...postgres.expected, replicated: flag }, options, () =>
    options.replicated === true ? startReplicated(options) : startAll(postgres, both, options, sides),
  )
}

/** Checks the options before it starts anything. */
async function startPair<Server extends DatabaseServer>(
  expected: Readonly<Record<string, Expectation>>,
  options: { readonly engine?: string; readonly name?: string },
  start: () => Promise<readonly Server[]>,
): Promise<FailoverPair<Server>> {
  expectOptions(options, { name: label, engine, ...expected })
  const { name: hostName = 'db.periodic-flush.test' } = options
  const name = movableName(hostName, hosts.blue)
  try {
    const [blue, green] = await start()
    if (blue === undefined || green === undefined) throw new TypeError('Expected two servers for two hosts')
    return new FailoverPair(name, blue, green)
  } catch (error) {
    name.restore()
    throw error
  }
}

/** A primary and its standby. */
function startReplicated(options: PostgresOptions): Promise<readonly PostgresServer[]> {
  return onFreePort(both, options.port, async (port) => {
    const [blue] = await startAll(postgres, [hosts.blue], { ...options, port }, ['blue'])
    if (blue === undefined) throw new TypeError('Expected one server for one host')
    try {
      return [blue, await startPostgresStandby(blue, { host: hosts.green, name: 'green' })]
    } catch (error) {
      await blue.stop()
      throw error
    }
  })
}
