import { AwsMySQLPoolClient } from 'aws-advanced-nodejs-wrapper/mysql'
import { AwsPgPoolClient } from 'aws-advanced-nodejs-wrapper/pg'
import type { RowDataPacket } from 'mysql2/promise'

/** What is asked of a pool of the AWS Advanced NodeJS Wrapper. */
export interface AwsPool {
  query(text: string, values: unknown[]): Promise<readonly Record<string, unknown>[]>
  end(): Promise<void>
}

export interface AwsPoolSize {
  readonly max: number
  /** `pg` alone has such a thing. */
  readonly lifetimeSeconds: number
}

/**
 * The one plugin that does something without Aurora: it asks the host whether it is alive while a statement runs. Its
 * defaults give a host 30 s and more; these are about as quick as what it is compared with.
 */
const monitoring = {
  plugins: 'efm2',
  failureDetectionTime: 500,
  failureDetectionInterval: 250,
  failureDetectionCount: 2,
  // Else a monitor goes on for ten minutes, beside whatever is measured next.
  monitorDisposalTime: 1_000,
}

const idleTimeoutMillis = 60_000

export function awsPgPool(url: string, { max, lifetimeSeconds }: AwsPoolSize): AwsPool {
  const sizes = { maxConnections: max, idleTimeoutMillis, maxLifetimeSeconds: lifetimeSeconds }
  const pool = new AwsPgPoolClient(config(url, 'pg'), sizes)
  const listen = listensOnce(pool)
  return {
    // Its own `pool.query` leaves a listener on the connection each time, and becomes slower with every one of them.
    async query(text, values) {
      const connection = await pool.connect()
      listen()
      try {
        return (await connection.query(text, values)).rows
      } finally {
        await connection.release()
      }
    },
    end: () => ended(pool),
  }
}

export function awsMysqlPool(url: string, max: number): AwsPool {
  const sizes = {
    maxConnections: max,
    maxIdleConnections: max,
    idleTimeoutMillis,
    waitForConnections: true,
    queueLimit: 0,
  }
  const pool = new AwsMySQLPoolClient(config(url, 'mysql'), sizes)
  return {
    async query(text, values) {
      const connection = await pool.getConnection()
      try {
        return (await connection.query<RowDataPacket[]>(text, values))[0]
      } finally {
        await pool.releaseConnection(connection)
      }
    },
    end: () => ended(pool),
  }
}

/** Without a dialect it takes the one that it has last seen at a host, on whatever port. */
function config(url: string, dialect: 'pg' | 'mysql') {
  const { hostname: host, port, username: user, password, pathname } = new URL(url)
  return { host, port: Number(port), user, password, database: pathname.slice(1), dialect, ...monitoring }
}

/** The driver's pool within, which is private. */
interface Inner {
  readonly connectionProvider?: {
    readonly internalPool?: { readonly targetPool?: { on(event: 'error', listener: () => void): void } }
  }
}

/** Nobody listens for errors of the pool within, so that an idle connection that breaks would end the process. */
function listensOnce(pool: object): () => void {
  let listening = false
  return () => {
    if (listening) return
    listening = true
    ;(pool as Inner).connectionProvider?.internalPool?.targetPool?.on('error', () => {})
  }
}

/** Its `end` waits for a task that may be asleep for minutes: that is not to be waited for. */
async function ended(pool: { end(): Promise<void> }): Promise<void> {
  await Promise.race([pool.end(), new Promise((resolve) => setTimeout(resolve, 2_000))])
}
