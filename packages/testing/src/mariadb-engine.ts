import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { certificateFiles, writeCertificate } from './certificate-files.ts'
import type { Engine, Listening } from './engine.ts'
import { TestingError } from './errors.ts'
import { openScratch } from './scratch.ts'

/** Every server has this account with all rights; the servers listen on this machine only and live as long as a test. */
export const root = { user: 'root', password: 'root' } as const

/** Whom the own connections of a server's handle log in as, so that `backends()` can leave them out. */
export const observer = { user: 'periodic-flush-testing', password: 'periodic-flush-testing' } as const

/** Settings that others here rely on, or that an option is there for. */
export const reservedMariadbSettings: ReadonlySet<string> = new Set([
  'bind_address',
  'datadir',
  'init_file',
  'lc_messages',
  'log_error',
  'log_warnings',
  'max_connections',
  'pid_file',
  'port',
  'require_secure_transport',
  'skip_name_resolve',
  'socket',
  'ssl_cert',
  'ssl_key',
  'user',
])

/** Programs that look after servers are seldom in a user's PATH. */
const places = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/local/sbin',
  '/usr/sbin',
  '/usr/local/bin',
  '/usr/bin',
]

/** Whether this machine has a MariaDB server to start: there is no npm package that brings one along. */
export function mariadbAvailable(): boolean {
  return find('mariadbd') !== undefined && find('mariadb-install-db') !== undefined
}

/** MariaDB, as the machine has it. */
export const mariadbEngine: Engine = {
  name: 'MariaDB',
  readyLine: 'ready for connections',
  shutdowns: [{ signal: 'SIGTERM', patienceMs: 10_000 }],
  initialise,
  async prepare(directory, { tls }) {
    if (tls !== undefined) await writeCertificate(directory, tls)
  },
  async command(directory, listening) {
    const first = join((await openScratch()).directory, firstFile)
    return { file: executable('mariadbd'), args: commandLine(directory, first, listening) }
  },
}

function find(name: string): string | undefined {
  return places.map((place) => join(place, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function executable(name: string): string {
  const found = find(name)
  if (found !== undefined) return found
  throw new TestingError(
    'UNSUPPORTED_PLATFORM',
    `This machine has no MariaDB server: \`${name}\` was found neither in PATH nor where servers usually are. Install it (Debian and Ubuntu: apt-get install mariadb-server; macOS: brew install mariadb)`,
  )
}

/** The data lives no longer than the test: nothing has to survive a power cut, and little has to fit into memory. */
const careless = [
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-flush-method=nosync',
  '--innodb-doublewrite=0',
  '--innodb-buffer-pool-size=16M',
  '--innodb-log-file-size=4M',
  '--skip-sync-frm',
  '--skip-log-bin',
]

async function initialise(directory: string): Promise<void> {
  const scratch = await openScratch()
  // The installer runs it, and says little where it is missing.
  executable('mariadbd')
  await scratch.makeFile(firstFile, firstSql)
  // Run as the account itself and without --user, with which it would change owners in the installation.
  await scratch.run(executable('mariadb-install-db'), [
    '--no-defaults',
    `--datadir=${directory}`,
    '--auth-root-authentication-method=normal',
    '--skip-name-resolve',
    '--skip-test-db',
    ...careless,
  ])
}

/** The database that every server has, empty. */
export const firstDatabase = 'test'

/** What every server runs at its start, beside the templates. */
const firstFile = 'mariadb-first.sql'

/** Only the accounts here let anybody in, from anywhere: the source address of a connection is the platform's. */
const firstSql = [
  `create database if not exists ${firstDatabase};`,
  "drop user if exists 'root'@'localhost', 'root'@'127.0.0.1', 'root'@'::1';",
  ...[root, observer].flatMap(({ user, password }) => [
    `create or replace user '${user}'@'%' identified by '${password}';`,
    `grant all privileges on *.* to '${user}'@'%' with grant option;`,
  ]),
  '',
].join('\n')

function commandLine(directory: string, first: string, { host, port, tls, settings }: Listening): string[] {
  const { cert, key } = certificateFiles(directory)
  return [
    '--no-defaults',
    ...careless,
    '--performance-schema=off',
    '--innodb-buffer-pool-load-at-startup=0',
    '--innodb-buffer-pool-dump-at-shutdown=0',
    '--innodb-fast-shutdown=2',
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
    ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
    ...(tls === undefined ? [] : [`--ssl-cert=${cert}`, `--ssl-key=${key}`, '--require-secure-transport=on']),
    // Nothing outside of the data directory, so that removing it leaves nothing behind.
    `--datadir=${directory}`,
    `--tmpdir=${directory}`,
    `--pid-file=${join(directory, 'pid')}`,
    '--socket=',
    `--bind-address=${host}`,
    `--port=${port}`,
    '--skip-name-resolve',
    `--init-file=${first}`,
    // How we learn that the server is ready, and why it is not.
    '--log-warnings=1',
    '--lc-messages=en_US',
  ]
}
