import { TLSSocket } from 'node:tls'
import pg from 'pg'
import type { ConnectionString } from './connection-string.ts'
import type { ServerFacts, Timing } from './findings.ts'
import { Line } from './line.ts'
import { isForwarded, type ProxyEvidence } from './proxy.ts'
import type { Engine, Session, Way } from './session.ts'

const factsText = `
  select split_part(version(), ' on ', 1) as version,
    host(inet_server_addr()) as address, inet_server_port() as port,
    pg_is_in_recovery() as standby,
    current_setting('default_transaction_read_only') = 'on' as read_only,
    current_setting('max_connections')::int as max,
    current_setting('superuser_reserved_connections')::int
      + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
    (select coalesce(sum(numbackends), 1) - 1 from pg_stat_database)::int as used,
    (select count(*) from pg_stat_replication)::int as replicas,
    (select rolconnlimit from pg_roles where rolname = current_user) as role_limit,
    (select datconnlimit from pg_database where datname = current_database()) as database_limit`

interface FactsRow {
  readonly version: string
  readonly address: string | null
  readonly port: number | null
  readonly standby: boolean
  readonly read_only: boolean
  readonly max: number
  readonly reserved: number
  readonly used: number
  readonly replicas: number
  readonly role_limit: number | null
  readonly database_limit: number | null
}

class PostgresSession implements Session {
  readonly timing: Timing
  readonly #to: ConnectionString
  readonly #way: Way
  readonly #line: Line
  readonly #client: pg.Client

  constructor(to: ConnectionString, way: Way, line: Line, client: pg.Client) {
    this.#to = to
    this.#way = way
    this.#line = line
    this.#client = client
    this.timing = line.timing()
  }

  get address(): string {
    return this.#line.address
  }

  async facts(): Promise<ServerFacts> {
    const [row] = await this.#rows<FactsRow>(factsText)
    if (row === undefined) throw new Error('the server told nothing of itself')
    const { max, reserved, used } = row
    // A limit of -1 is none.
    const limits = [row.role_limit, row.database_limit].filter((limit) => limit !== null && limit >= 0)
    return {
      version: row.version,
      self: row.address === null ? 'a Unix socket' : `${row.address}:${row.port}`,
      writable: !row.standby && !row.read_only,
      replicas: row.replicas,
      capacity: {
        maxConnections: max,
        reserved,
        used,
        free: Math.max(0, Math.min(max - reserved - used, ...limits.map(Number))),
      },
    }
  }

  async writable(): Promise<boolean> {
    const [row] = await this.#rows<{ writable: boolean }>(
      "select not pg_is_in_recovery() and current_setting('default_transaction_read_only') = 'off' as writable",
    )
    return row?.writable === true
  }

  async evidence(): Promise<Omit<ProxyEvidence, 'names'>> {
    const [row] = await this.#rows<{ pid: number; port: number | null }>(
      'select pg_backend_pid() as pid, inet_client_port() as port',
    )
    const greetingId = processIdOf(this.#client)
    const serverId = row?.pid ?? null
    const ports = { ownPort: this.#line.ownPort, seenPort: row?.port ?? null }
    const evidence = { engine: 'postgres', greetingId, serverId, ...ports } as const
    // Asked only of what is no plain server: that would note a failure in its log.
    if (greetingId === serverId) {
      const pgpool = isForwarded(ports) ? await this.#pgpool() : undefined
      return { ...evidence, ...(pgpool !== undefined && { introduction: pgpool }) }
    }
    const introduction = await introductionOf(this.#to, {
      ...this.#way,
      address: this.#to.socket === undefined ? this.address : undefined,
    })
    return { ...evidence, ...(introduction !== undefined && { introduction }) }
  }

  /** Pgpool-II answers this one itself, and hands on the number that the server gave the connection. */
  async #pgpool(): Promise<string | undefined> {
    const [row] = await this.#rows<{ pool_version?: string }>('show pool_version').catch(() => [])
    return row?.pool_version === undefined ? undefined : `Pgpool-II ${row.pool_version}`
  }

  close(): void {
    leave(this.#client, this.#line)
  }

  async #rows<Row extends object>(text: string): Promise<Row[]> {
    const { rows } = await this.#line.within(this.#client.query<Row>(text))
    return rows
  }
}

/** Says goodbye: a server that is just left may note it as a failure. */
function leave(client: pg.Client, line: Line): void {
  line.bound()
  client.end().catch(() => {})
}

/** What the server sent at the login; pg keeps it, and its types do not mention it. */
function processIdOf(client: object): number | null {
  return 'processID' in client && typeof client.processID === 'number' ? client.processID : null
}

/** PgBouncer and PgCat have a database of this name, in which their administrators ask them for themselves. */
async function introductionOf(to: ConnectionString, way: Way): Promise<string | undefined> {
  try {
    const { client, line } = await open(to, way, 'pgbouncer')
    try {
      const { rows } = await line.within(client.query<{ version?: string }>('SHOW VERSION'))
      return rows[0]?.version
    } finally {
      leave(client, line)
    }
  } catch (error) {
    return refusalOf(error)
  }
}

/** Who is no administrator is told so in words that are PgBouncer's own. */
function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError)) return undefined
  if (/pgbouncer|pgcat|odyssey/i.test(error.message)) return error.message
  const foreign = error.routine === undefined && error.file === undefined
  return foreign && /^not allowed$|no such database|bouncer config error/i.test(error.message)
    ? `"${error.message}", as PgBouncer words it`
    : undefined
}

async function open(to: ConnectionString, way: Way, database?: string): Promise<{ client: pg.Client; line: Line }> {
  const line = new Line(to, way)
  // It is connecting already: pg must not begin anew.
  const socket = Object.assign(line.socket, { connect: () => line.socket })
  const client = new pg.Client({ connectionString: into(to.secret, database), stream: () => socket })
  // Lost while idle: the next question says so.
  client.on('error', () => {})
  noteTls(client, line)
  await line.within(client.connect())
  return { client, line }
}

/** The same connection string, for that database. */
function into(secret: string, database: string | undefined): string {
  if (database === undefined) return secret
  const url = new URL(secret)
  url.pathname = `/${database}`
  return url.href
}

/** pg tells when it has begun to talk TLS, on an object that its types hide; without it that time counts as `authMs`. */
function noteTls(client: pg.Client, line: Line): void {
  if (!('connection' in client)) return
  const { connection } = client
  if (!isEmitter(connection)) return
  connection.once('sslconnect', () => {
    const stream = 'stream' in connection ? connection.stream : undefined
    if (stream instanceof TLSSocket) stream.once('secureConnect', () => line.noteTls())
  })
}

function isEmitter(value: unknown): value is NodeJS.EventEmitter {
  return typeof value === 'object' && value !== null && 'once' in value && typeof value.once === 'function'
}

export const postgres: Engine = {
  async connect(to, way) {
    const { client, line } = await open(to, way)
    return new PostgresSession(to, way, line, client)
  },
}
