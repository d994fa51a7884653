import {
  type Gate,
  gate,
  type MariadbServer,
  type PostgresServer,
  startMariadb,
  startPostgres,
} from '@periodic-flush/testing'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mariadbInstalled } from '../mariadb-installed.ts'
import { type ClientOptions, clients, type Opened, type SecureClient, type Settings } from './clients.ts'
import { Heard } from './heard.ts'

const seed = Number(process.env['PERIODIC_FLUSH_SEED'] ?? Date.now() % 2 ** 31)
const runs = Number(process.env['PERIODIC_FLUSH_RUNS'] ?? 2)

const odd = [
  '@',
  ':',
  '/',
  '?',
  '#',
  '[',
  ']',
  '%',
  '%40',
  '%zz',
  '"',
  "'",
  '\\',
  '`',
  '$&',
  '$1',
  '{}',
  '\n',
  '\t',
  ' ',
  ';',
  '=',
  '&',
  'ü',
  '漢',
  '😀',
]

/** Anything that somebody may have for a name or a password; long enough to be found nowhere by chance. */
const secret = (mark: string) =>
  fc
    .array(fc.oneof(fc.constantFrom(...odd), fc.string({ minLength: 1, maxLength: 4 })), {
      minLength: 2,
      maxLength: 12,
    })
    .map((parts) => `${mark}${parts.join('')}${mark}`)

const account = fc.record({
  user: fc.array(fc.constantFrom(...odd), { maxLength: 6 }).map((parts) => `visitor${parts.join('')}z`),
  password: fc.oneof(
    secret('Pa55'),
    secret('Pa55').map((it) => it.repeat(Math.ceil(200 / it.length))),
  ),
  wrong: secret('Wr0ng'),
})
type Account = typeof account extends fc.Arbitrary<infer T> ? T : never

let servers: ReadonlyMap<SecureClient['dialect'], PostgresServer | MariadbServer>
let gates: ReadonlyMap<SecureClient['dialect'], Gate>
const opened: Opened[] = []

beforeAll(async () => {
  console.log(`PERIODIC_FLUSH_SEED=${seed}`)
  const pg = await startPostgres()
  const mariadb = mariadbInstalled ? await startMariadb() : undefined
  servers = new Map<SecureClient['dialect'], PostgresServer | MariadbServer>([
    ['postgres', pg],
    ...(mariadb ? [['mysql', mariadb] as const] : []),
  ])
  gates = new Map(
    await Promise.all([...servers].map(async ([dialect, server]) => [dialect, await gate(server)] as const)),
  )
  for (const silent of gates.values()) await silent.hang()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ $flusher }) => $flusher.close({ deadlineMs: 0 })))
})
afterAll(async () => {
  for (const silent of gates.values()) await silent.close()
  for (const server of servers.values()) await server.stop()
})

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
const mysqlQuoted = (text: string) => quoted(text.replaceAll('\\', '\\\\'))

/** Lets somebody in, for a while. */
async function admit(dialect: SecureClient['dialect'], { user, password }: Account): Promise<AsyncDisposable> {
  const server = serverOf(dialect)
  if (dialect === 'postgres') {
    const name = `"${user.replaceAll('"', '""')}"`
    await server.query(`create role ${name} login password ${quoted(password)}`)
    return { [Symbol.asyncDispose]: async () => void (await server.query(`drop role ${name}`)) }
  }
  const name = `${mysqlQuoted(user)}@'%'`
  await server.query(`create user ${name} identified by ${mysqlQuoted(password)}`)
  await server.query(`grant all on *.* to ${name}`)
  return { [Symbol.asyncDispose]: async () => void (await server.query(`drop user ${name}`)) }
}

function serverOf(dialect: SecureClient['dialect']): PostgresServer | MariadbServer {
  const server = servers.get(dialect)
  if (server === undefined) throw new Error('started before the tests run')
  return server
}

/** A way in which something may fail, or not. */
interface Path {
  readonly name: string
  /** What a flush is refused with; undefined where it works. */
  readonly code?: RegExp
  readonly options?: ClientOptions
  /** What the flush finds other than the first opening did. */
  readonly change?: (settings: Settings, account: Account, dialect: SecureClient['dialect']) => Partial<Settings>
  readonly before?: (server: PostgresServer | MariadbServer) => Promise<unknown>
  readonly after?: (server: PostgresServer | MariadbServer) => Promise<unknown>
}

const failed = /^(CHECK_FAILED|OPEN_FAILED)$/
const inUrl = (dialect: string, { host, port, user, password, database }: Settings) =>
  `${dialect}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`

const paths: readonly Path[] = [
  { name: 'nothing fails' },
  {
    name: 'nothing fails, by a connection string',
    change: (settings, _, dialect) => ({ url: inUrl(dialect, settings) }),
  },
  { name: 'the password is wrong', code: failed, change: (_, { wrong }) => ({ password: wrong }) },
  {
    name: 'the password is wrong, by a connection string',
    code: failed,
    change: (settings, { wrong }, dialect) => ({ url: inUrl(dialect, { ...settings, password: wrong }) }),
  },
  { name: 'the user is unknown', code: failed, change: (_, { wrong }) => ({ user: 'nobody', password: wrong }) },
  { name: 'the database is unknown', code: failed, change: () => ({ database: 'nowhere' }) },
  {
    name: 'nobody listens',
    code: failed,
    change: (settings, _, dialect) => ({ url: inUrl(dialect, { ...settings, port: 1 }) }),
  },
  { name: 'the server talks no TLS', code: failed, change: () => ({ ssl: { ca: '' } }) },
  {
    name: 'the server does not answer',
    code: /^TIMEOUT$/,
    options: { checkTimeoutMs: 300 },
    change: (_settings, _account, dialect) => ({ port: gates.get(dialect)?.port ?? 0 }),
  },
  {
    name: 'the server takes no writes',
    code: /^READ_ONLY$/,
    options: { require: 'writable' },
    before: (server) => server.readOnly(true),
    after: (server) => server.readOnly(false),
  },
  {
    name: 'the connection string cannot be read',
    code: /^(CHECK_FAILED|OPEN_FAILED|TIMEOUT)$/,
    options: { checkTimeoutMs: 1_000 },
    // Neither encoded nor closed: no driver takes the port for one.
    change: ({ user, password }, _, dialect) => ({ url: `${dialect}://${user}:${password}@127.0.0.1:port:1/app` }),
  },
]

describe.each(clients.map((client) => [client.name, client] as const))('%s', (_, client) => {
  const { dialect } = client

  async function settingsOf({ user, password }: Account): Promise<Settings> {
    const { host, port, database } = serverOf(dialect)
    return { host, port, user, password, database }
  }

  test.runIf(dialect === 'postgres' || mariadbInstalled).each(paths)(
    'tells no password when $name',
    async ({ code, options = {}, change, before, after }) => {
      await fc.assert(
        fc.asyncProperty(account, async (somebody) => {
          await using _ = await admit(dialect, somebody)
          using heard = new Heard()
          const right = await settingsOf(somebody)
          let settings = right
          const made = client.open(() => settings, { intervalMs: false, ...options })
          opened.push(made)
          heard.follow(made.$flusher)
          // That it is answered shows that the odd password is the right one.
          expect(String(await made.ask('select 1'))).toBe('1')
          settings = { ...right, ...change?.(right, somebody, dialect) }
          await before?.(serverOf(dialect))
          const outcome: unknown = await made.$flush().catch((error: unknown) => error)
          await after?.(serverOf(dialect))
          expect(outcome).toMatchObject(code === undefined ? { drained: true } : { code: expect.stringMatching(code) })
          expect(String(await made.ask('select 1'))).toBe('1')
          for (const value of [outcome, made.$flusher.stats(), ...Object.values(made.held), made.held])
            heard.note(value)
          await made.$flusher.close({ deadlineMs: 0 })
          heard.note(await made.$flush().catch((error: unknown) => error))
          expect(heard.find(somebody.password, somebody.wrong)).toEqual([])
          expect(heard.length).toBeGreaterThan(20)
        }),
        { seed, numRuns: runs },
      )
    },
  )

  test.runIf(dialect === 'postgres' || mariadbInstalled)(
    'tells no password when the factory gives the same client again, or the options are wrong',
    async () => {
      await fc.assert(
        fc.asyncProperty(account, async (somebody) => {
          await using _ = await admit(dialect, somebody)
          using heard = new Heard()
          const settings = await settingsOf(somebody)
          const made = client.openSame(settings, { intervalMs: false })
          opened.push(made)
          heard.follow(made.$flusher)
          expect(String(await made.ask('select 1'))).toBe('1')
          const { password } = somebody
          const url = inUrl(dialect, settings)
          const wrong: unknown[] = [
            {},
            { deadlineMs: password },
            { onDeadline: url },
            { reason: url },
            { [password]: 1 },
            { [url]: 1 },
            password,
            url,
          ]
          for (const [index, options] of wrong.entries()) {
            const refused: unknown = await made.$flush(options as never).catch((error: unknown) => error)
            expect(refused).toBeInstanceOf(Error)
            if (index === 0)
              expect(refused).toMatchObject({ code: expect.stringMatching(/SAME_CLIENT|UNSUPPORTED_CLIENT/) })
            heard.note(refused)
          }
          for (const options of [
            { intervalMs: password },
            { name: url },
            { triggers: [url] },
            { [password]: 1 },
            url,
          ]) {
            heard.note(thrownBy(() => client.open(() => settings, options as never)))
          }
          expect(heard.find(password)).toEqual([])
          await made.$flusher.close({ deadlineMs: 0 })
        }),
        { seed, numRuns: runs },
      )
    },
  )
})

function thrownBy(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('Expected an error to be thrown')
}
