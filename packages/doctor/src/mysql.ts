import mysql, { type Connection, type RowDataPacket } from 'mysql2'
import type { ServerFacts, Timing } from './findings.ts'
import { Line } from './line.ts'
import type { ProxyEvidence } from './proxy.ts'
import type { Engine, Session } from './session.ts'

const variables = `
  'version', 'version_comment', 'hostname', 'port', 'max_connections', 'max_user_connections',
  'read_only', 'super_read_only', 'innodb_read_only'`

const readOnlyVariables = ['read_only', 'super_read_only', 'innodb_read_only']

class MysqlSession implements Session {
  readonly timing: Timing
  readonly #line: Line
  readonly #connection: Connection

  constructor(line: Line, connection: Connection) {
    this.#line = line
    this.#connection = connection
    this.timing = line.timing()
  }

  get address(): string {
    return this.#line.address
  }

  async facts(): Promise<ServerFacts> {
    // Shown rather than selected: a server that lacks one of them leaves it out.
    const set = await this.#pairs(`show global variables where variable_name in (${variables})`)
    const status = await this.#pairs("show global status where variable_name = 'Threads_connected'")
    const replicas = await this.#replicas()
    const version = set.get('version') ?? ''
    const product = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL'
    const maxConnections = Number(set.get('max_connections'))
    const used = Math.max(0, Number(status.get('threads_connected') ?? 1) - 1)
    const own = Number(set.get('max_user_connections') ?? 0)
    // One is kept for an administrator, on top of the limit.
    return {
      version: `${product} ${/^[\d.]+/.exec(version)?.[0] ?? version}`,
      self: `${set.get('hostname')}:${set.get('port')}`,
      writable: isWritable(set),
      ...(replicas !== undefined && { replicas }),
      capacity: {
        maxConnections,
        reserved: 0,
        used,
        free: Math.max(0, Math.min(maxConnections - used, own > 0 ? own : Number.POSITIVE_INFINITY)),
      },
    }
  }

  async writable(): Promise<boolean> {
    return isWritable(await this.#pairs(`show global variables where variable_name in (${variables})`))
  }

  async evidence(): Promise<Omit<ProxyEvidence, 'names'>> {
    // Not the bare function, which proxies answer themselves.
    const [row] = await this.#rows('select connection_id() + 0 as id, @@version_comment as comment')
    const id = row?.['id']
    const ports = { ownPort: this.#line.ownPort, seenPort: await this.#seenPort() }
    // Last: who is asked what it does not know loses the connection.
    const introduction = await this.#introduction(String(row?.['comment'] ?? ''))
    return {
      engine: 'mysql',
      greetingId: this.#connection.threadId ?? null,
      serverId: id === undefined ? null : Number(id),
      ...ports,
      ...(introduction !== undefined && { introduction }),
    }
  }

  /** The port that the server sees this connection come from; null over a Unix socket. */
  async #seenPort(): Promise<number | null> {
    const question = 'select host as seen from information_schema.processlist where id = connection_id()'
    const [row] = await this.#rows(question)
    const port = /:(\d+)$/.exec(String(row?.['seen'] ?? ''))?.[1]
    return port === undefined ? null : Number(port)
  }

  /** Says goodbye: a server that is just left counts an aborted connection. */
  close(): void {
    this.#line.bound()
    this.#connection.end(() => {})
  }

  /** ProxySQL answers this one itself; a server finds no sense in it. */
  async #introduction(comment: string): Promise<string | undefined> {
    if (/proxysql|maxscale/i.test(comment)) return comment
    const answered = await this.#rows('PROXYSQL INTERNAL SESSION').catch(() => [])
    return answered.length > 0 ? 'ProxySQL, which answers PROXYSQL INTERNAL SESSION' : undefined
  }

  /** Undefined where the account may see its own connections alone. */
  async #replicas(): Promise<number | undefined> {
    const grants = await this.#rows('show grants').catch(() => [])
    const all = grants.some((row) =>
      /\b(ALL PRIVILEGES ON \*\.\*|PROCESS\b.* ON \*\.\*)/.test(String(Object.values(row)[0])),
    )
    if (!all) return undefined
    const [row] = await this.#rows(
      "select count(*) as replicas from information_schema.processlist where command like 'Binlog Dump%'",
    )
    return Number(row?.['replicas'] ?? 0)
  }

  async #pairs(text: string): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#rows(text)
    return new Map(rows.map((row) => [String(row['Variable_name']).toLowerCase(), String(row['Value'])]))
  }

  #rows(text: string): Promise<RowDataPacket[]> {
    return this.#line.within(
      this.#connection
        .promise()
        .query<RowDataPacket[]>(text)
        .then(([rows]) => rows),
    )
  }
}

function isWritable(set: ReadonlyMap<string, string>): boolean {
  return readOnlyVariables.every((name) => ['OFF', '0', undefined].includes(set.get(name)?.toUpperCase()))
}

/** mysql2 tells nobody when TLS is there: it calls this back, if it still does; else that time counts as `authMs`. */
function noteTls(connection: object, line: Line): void {
  if (!('startTLS' in connection) || typeof connection.startTLS !== 'function') return
  const startTls = connection.startTLS
  connection.startTLS = (onSecure: (error?: Error) => void) =>
    startTls.call(connection, (error?: Error) => {
      if (error === undefined) line.noteTls()
      onSecure(error)
    })
}

export const mysqlLike: Engine = {
  async connect(to, way) {
    const line = new Line(to, way)
    const connection = mysql.createConnection({
      uri: to.secret,
      stream: () => line.socket,
      connectTimeout: way.patienceMs,
    })
    noteTls(connection, line)
    // Lost while idle: the next question says so.
    connection.on('error', () => {})
    await line.within(
      new Promise<void>((resolve, reject) => {
        connection.connect((error) => (error ? reject(error) : resolve()))
      }),
    )
    return new MysqlSession(line, connection)
  },
}
