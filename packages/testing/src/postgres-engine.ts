import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findBinaries } from './binaries.ts'
import { certificateFiles, writeCertificate } from './certificate-files.ts'
import type { Endpoint } from './database-server.ts'
import type { Engine, Listening } from './engine.ts'
import { openScratch } from './scratch.ts'

/** Every server has this superuser; the servers listen on this machine only and live as long as a test. */
export const superuser = { user: 'postgres', password: 'postgres' } as const

/** How clients log in: by password, or without any check. */
export type Authentication = 'scram-sha-256' | 'trust'

/** Settings that others here rely on, or that an option is there for. */
export const reservedPostgresSettings: ReadonlySet<string> = new Set([
  'config_file',
  'data_directory',
  'default_transaction_read_only',
  'dynamic_shared_memory_type',
  'hba_file',
  'lc_messages',
  'listen_addresses',
  'log_destination',
  'log_min_messages',
  'logging_collector',
  'max_connections',
  'port',
  'primary_conninfo',
  'ssl',
  'ssl_cert_file',
  'ssl_key_file',
  'unix_socket_directories',
])

/** PostgreSQL, with its way of letting clients in. */
export function postgresEngine(auth: Authentication): Engine {
  return {
    name: 'PostgreSQL',
    readyLine: 'database system is ready to accept connections',
    shutdowns: [
      { signal: 'SIGINT', patienceMs: 5_000 },
      { signal: 'SIGQUIT', patienceMs: 7_000 },
    ],
    initialise,
    async prepare(directory, { tls }) {
      const connection = tls === undefined ? 'host' : 'hostssl'
      await writeFile(join(directory, 'pg_hba.conf'), hostBasedAuthentication(connection, auth))
      if (tls !== undefined) await writeCertificate(directory, tls)
    },
    async command(directory, listening) {
      const { postgres } = await findBinaries()
      return { file: postgres, args: commandLine(directory, listening) }
    },
  }
}

/**
 * A PostgreSQL that follows a primary until it is promoted.
 *
 * It needs no backup of the primary: both begin as copies of one directory, so replaying all that the primary has
 * written since its own start makes them equal. That is why every server keeps its write-ahead log.
 */
export function standbyEngine(auth: Authentication, primary: Endpoint): Engine {
  const engine = postgresEngine(auth)
  const { host, port, user, password } = primary
  const following = {
    primary_conninfo: `host=${host} port=${port} user=${user} password=${password}`,
    // A primary that was out of reach for a moment is followed again soon, not 5 s later.
    wal_retrieve_retry_interval: '100ms',
  }
  return {
    ...engine,
    // A restart may find it promoted: then it does not say "read-only".
    readyLine: 'database system is ready to accept',
    async prepare(directory, listening) {
      await engine.prepare(directory, listening)
      const lines = Object.entries(following).map(([key, value]) => `${key} = '${value}'\n`)
      await appendFile(join(directory, 'postgresql.conf'), lines.join(''))
      await writeFile(join(directory, 'standby.signal'), '')
    },
  }
}

async function initialise(directory: string): Promise<void> {
  const [scratch, { initdb }] = await Promise.all([openScratch(), findBinaries()])
  const passwordFile = await scratch.makeFile('password', `${superuser.password}\n`)
  await scratch.run(initdb, [
    `--pgdata=${directory}`,
    `--username=${superuser.user}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
    '--wal-segsize=1',
  ])
}

/** From anywhere: which source address a connection to 127.0.0.2 has depends on the platform. */
function hostBasedAuthentication(connection: 'host' | 'hostssl', method: Authentication): string {
  return ['all', 'replication'].map((database) => `${connection} ${database} all all ${method}\n`).join('')
}

function commandLine(directory: string, { host, port, tls, settings }: Listening): string[] {
  const { cert, key } = certificateFiles(directory)
  const all = {
    // The data lives no longer than the test: nothing has to survive a power cut.
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '16MB',
    // So that a standby can be started at any time.
    wal_keep_size: '1GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
    ...(tls === undefined ? {} : { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key }),
    // Nothing outside of the data directory, so that removing it leaves nothing behind.
    dynamic_shared_memory_type: 'mmap',
    unix_socket_directories: '',
    listen_addresses: host,
    // How we learn that the server is ready, and why it is not.
    logging_collector: 'off',
    log_destination: 'stderr',
    log_min_messages: 'warning',
    lc_messages: 'C',
  }
  return [
    '-D',
    directory,
    '-p',
    String(port),
    ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]
}
