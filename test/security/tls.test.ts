import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  type Certificate,
  type MariadbServer,
  type MovableName,
  movableName,
  type PostgresServer,
  startMariadb,
  startPostgres,
} from '@periodic-flush/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../conformance/eventually.ts'
import { mariadbInstalled } from '../mariadb-installed.ts'
import { Authority } from './authority.ts'
import { clients, type Opened, type SecureClient, type Settings, type Tls } from './clients.ts'
import { Impostor } from './impostor.ts'

const HOST = 'db.secure.test'
/** Whom a server lets in by a certificate and a password, and by nothing less. */
const USER = 'certified'
const PASSWORD = 'Tr0ub4dor-and-3'
const FLUSHES = 3

/** Servers and impostors of one kind. */
interface Stand {
  readonly server: PostgresServer | MariadbServer
  /** Vouched for by somebody else. */
  readonly stranger: Impostor
  /** Vouched for by the right authority, but under another name. */
  readonly namesake: Impostor
  /** Says that it knows no TLS. */
  readonly undressed: Impostor
}

let directory: string
let name: MovableName
let authority: Authority
let own: Certificate
const stands = new Map<SecureClient['dialect'], Stand>()
const opened: Opened[] = []

beforeAll(async () => {
  authority = await Authority.found('The authority')
  const another = await Authority.found('Another authority')
  own = await authority.vouch(USER)
  directory = await mkdtemp(join(tmpdir(), 'periodic-flush-security-'))
  const ca = join(directory, 'ca.crt')
  await writeFile(ca, authority.cert)
  // For the account that the servers run as.
  await chmod(directory, 0o755)
  name = movableName(HOST, '127.0.0.1')
  const tls = await authority.vouch(HOST)
  const servers = await Promise.all([
    startCertifiedPostgres(tls, ca).then((server) => ({ dialect: 'postgres', server }) as const),
    ...(mariadbInstalled
      ? [startCertifiedMariadb(tls, ca).then((server) => ({ dialect: 'mysql', server }) as const)]
      : []),
  ])
  const foreign = await another.vouch(HOST)
  const misnamed = await authority.vouch('other.secure.test')
  for (const { dialect, server } of servers) {
    const target = { dialect, host: server.host, port: server.port }
    stands.set(dialect, {
      server,
      stranger: await Impostor.start('127.0.0.5', target, foreign),
      namesake: await Impostor.start('127.0.0.6', target, misnamed),
      undressed: await Impostor.start('127.0.0.7', target),
    })
  }
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ $flusher }) => $flusher.close({ deadlineMs: 0 })))
  name.moveTo('127.0.0.1')
})

afterAll(async () => {
  for (const { server, stranger, namesake, undressed } of stands.values()) {
    for (const impostor of [stranger, namesake, undressed]) await impostor[Symbol.asyncDispose]()
    await server.stop()
  }
  name?.restore()
  await rm(directory, { recursive: true })
})

async function startCertifiedPostgres(tls: Certificate, ca: string): Promise<PostgresServer> {
  const server = await startPostgres({ tls, settings: { ssl_ca_file: ca } })
  await server.query(`create role ${USER} login superuser password '${PASSWORD}'`)
  await server.query(`do $$ begin execute format(
    'copy (select unnest(array[%L, %L])) to %L',
    'hostssl all ${USER} all scram-sha-256 clientcert=verify-full',
    'hostssl all all all scram-sha-256',
    current_setting('hba_file')); end $$`)
  await server.query('select pg_reload_conf()')
  return server
}

async function startCertifiedMariadb(tls: Certificate, ca: string): Promise<MariadbServer> {
  const server = await startMariadb({ tls, settings: { ssl_ca: ca } })
  await server.query(`create user ${USER}@'%' identified by '${PASSWORD}' require subject '/CN=${USER}'`)
  await server.query(`grant all on *.* to ${USER}@'%'`)
  return server
}

describe.each(clients.map((client) => [client.name, client] as const))('%s', (_, client) => {
  const runs = client.dialect === 'postgres' || mariadbInstalled

  const stand = (): Stand => {
    const found = stands.get(client.dialect)
    if (found === undefined) throw new Error('started before the tests run')
    return found
  }

  const wrapped = (ssl: Tls | undefined, { user = USER, password = PASSWORD } = {}): Opened => {
    const { port, database } = stand().server
    const settings: Settings = { host: HOST, port, user, password, database, ssl, patienceMs: 1_000 }
    const made = client.open(() => settings, { intervalMs: false })
    opened.push(made)
    return made
  }

  const verified = (): Tls => ({ ca: authority.cert, cert: own.cert, key: own.key })

  /** Which certificates the server has seen on this user's connections; null for one that has shown none. */
  const seen = async (): Promise<unknown[]> => {
    const { server } = stand()
    if (client.dialect === 'mysql') return (await server.backends({ user: USER })).map(() => `/CN=${USER}`)
    const rows = await server.query<{ dn: string | null }>(
      `select case when ssl then client_dn end as dn from pg_stat_ssl join pg_stat_activity using (pid) where usename = '${USER}'`,
    )
    return rows.map(({ dn }) => dn)
  }

  const encrypted = async ({ ask }: Opened): Promise<unknown> =>
    client.dialect === 'postgres'
      ? ask('select cipher from pg_stat_ssl where pid = pg_backend_pid()')
      : ask(`select variable_value from information_schema.session_status where variable_name = 'ssl_cipher'`)

  const identity = ({ ask }: Opened): Promise<unknown> =>
    ask(client.dialect === 'postgres' ? 'select pg_backend_pid()' : 'select cast(connection_id() as char)')

  const busy = (made: Opened) => Promise.all([1, 2, 3].map(() => encrypted(made)))

  test.runIf(runs)('each connection of each generation is encrypted, with the client’s own certificate', async () => {
    const made = wrapped(verified())
    const before = new Set<unknown>()
    for (let flush = 0; flush <= FLUSHES; flush++) {
      for (const cipher of await busy(made)) expect(cipher).toMatch(/AES|CHACHA/)
      const certificates = await seen()
      expect(certificates.length).toBeGreaterThan(0)
      expect([...new Set(certificates)]).toEqual([`/CN=${USER}`])
      const connection = String(await identity(made))
      expect(before).not.toContain(connection)
      before.add(connection)
      if (flush < FLUSHES) await expect(made.$flush()).resolves.toMatchObject({ drained: true })
    }
  })

  test.runIf(runs)(
    'without the certificate, or without TLS at all, the server takes none: the above is no chance',
    async () => {
      await expect(wrapped({ ca: authority.cert }).ask('select 1')).rejects.toThrow()
      await expect(wrapped(undefined).ask('select 1')).rejects.toThrow()
    },
  )

  /** What the client did not say to the impostor, whatever it said else. */
  const expectNothingSaid = (impostor: Impostor) => {
    for (const said of [impostor.clear, impostor.read].map((bytes) => bytes.toString('latin1'))) {
      expect(said).not.toContain(PASSWORD)
      expect(said.toLowerCase()).not.toContain('select')
    }
    expect(impostor.clear.toString('latin1')).not.toContain(USER)
    if (!client.verifiesLate) expect(impostor.read).toHaveLength(0)
  }

  test.runIf(runs).each([
    ['another authority vouches for', 'stranger', /unable to verify|self.signed/i],
    ['the right authority vouches for under another name', 'namesake', /altnames|self.signed/i],
    ['says that it knows no TLS', 'undressed', /SSL|TLS|secure/i],
  ] as const)(
    'a host that %s is refused, is told nothing, and the old client serves on',
    async (_what, kind, reason) => {
      const made = wrapped(verified())
      const impostor = stand()[kind]
      await made.ask('select 1')
      await made.$flush()
      impostor.forget()
      const { generation } = made.$flusher.stats()
      const before = await identity(made)
      for (let flush = 0; flush < (client.verifiesLate ? 1 : 2); flush++) {
        name.moveTo(impostor.host)
        const refused = await made.$flush().catch((error: unknown) => error)
        expect(refused).toMatchObject({ code: expect.stringMatching(/^(CHECK_FAILED|OPEN_FAILED)$/) })
        // One that tries again until its time is over tells of that.
        expect(inspect(refused)).toMatch(client.verifiesLate ? /self.signed|altnames|SSL|pool timeout/i : reason)
        await eventually(
          () => impostor.connections,
          (count) => count === 0,
        )
        expectNothingSaid(impostor)
        expect(impostor.met).toBeGreaterThan(0)
        expect(await encrypted(made)).toMatch(/AES|CHACHA/)
        // A pool that is filled at once goes on opening connections, and takes them in turn.
        if (!client.verifiesLate) expect(await identity(made)).toBe(before)
        expect(made.$flusher.stats()).toMatchObject({ generation, retiring: [] })
      }
      name.moveTo('127.0.0.1')
      await expect(made.$flush()).resolves.toMatchObject({ drained: true })
      expect(await encrypted(made)).toMatch(/AES|CHACHA/)
      expect(await identity(made)).not.toBe(before)
      expectNothingSaid(impostor)
    },
  )

  test.runIf(runs)('who does not verify is read by the impostor: it is the certificate that keeps it out', async () => {
    const { server, stranger } = stand()
    const made = wrapped({ rejectUnauthorized: false }, server)
    await made.ask('select 1')
    stranger.forget()
    name.moveTo(stranger.host)
    await made.$flush()
    expect(await made.ask(`select 'in the open'`)).toBe('in the open')
    expect(stranger.read.toString('latin1')).toContain('in the open')
    await made.$flusher.close({ deadlineMs: 0 })
  })
})
