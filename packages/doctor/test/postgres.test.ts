import { failoverPair, gate, movableName, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from '../../../test/certificate.ts'
import { eventually } from '../../../test/conformance/eventually.ts'
import { unixSocket } from '../../../test/unix-socket.ts'
import { lines, visit } from './doctor.ts'
import { Pgbouncer, pgbouncerInstalled } from './pgbouncer.ts'

const host = 'db.example.test'
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

test('a name that gives one answer, to a server without replicas: set maxLifetimeSeconds', async () => {
  using name = movableName(host, server.host)
  const { code, out, err } = await visit([server.url({ host })])
  expect(code).toBe(0)
  expect(out).toContain('You do not need this: set maxLifetimeSeconds.')
  expect(out).toContain('maxLifetimeSeconds: 300')
  expect(lines(out, 'looked up')).toEqual(['11 × in 10.0 s'])
  expect(lines(out, 'server')).toEqual([
    expect.stringMatching(/^127\.0\.0\.1: PostgreSQL \d+\.\d+, writable, 0 replicas$/),
  ])
  expect(lines(out, 'connect')).toEqual([
    expect.stringMatching(/^[\d.]+ ms: DNS [\d.]+, TCP [\d.]+, login [\d.]+ \(no TLS\)$/),
  ])
  expect(lines(out, 'room')).toEqual([
    expect.stringMatching(/^197 connections left of 200 \(0 in use, 3 kept for administrators\)/),
  ])
  expect(lines(out, 'proxy')).toEqual(['none seen'])
  expect(err).toContain(`looking ${host} up…`)
  expect(name.lookups).toBeGreaterThanOrEqual(11)
})

test('a name that moves while it is looked up: needed, with both servers', async () => {
  await using pair = await failoverPair()
  const args = [pair.url(), '--for', '3', '--json']
  const { code, out } = await visit(args, { meanwhile: (count) => count === 2 && pair.moveTo('green') })
  const found = JSON.parse(out)
  expect(code).toBe(0)
  expect(found.recommendation.verdict).toBe('needed')
  expect(found.recommendation.because).toContain('the name moved while it was looked up')
  expect(found.name.changes).toEqual([
    { addresses: ['127.0.0.1'], atMs: 0 },
    { addresses: ['127.0.0.2'], atMs: 2000 },
  ])
  expect(found.servers.map(({ self }: { self: string }) => self)).toEqual([
    `127.0.0.1:${pair.port}`,
    `127.0.0.2:${pair.port}`,
  ])
})

test('a standby that could take over under the same name: needed; the standby itself is read-only', async () => {
  await using pair = await failoverPair({ replicated: true })
  const blue = await visit([pair.url()])
  expect(lines(blue.out, 'server')).toEqual([expect.stringMatching(/writable, 1 replica$/)])
  expect(blue.out).toContain('You need this')
  pair.moveTo('green')
  const green = await visit([pair.url()])
  expect(lines(green.out, 'server')).toEqual([expect.stringMatching(/read-only, 0 replicas$/)])
  expect(green.out).toContain('it may have been demoted')
})

test('a name that leads to a writable and a read-only server at once: needed', async () => {
  await using pair = await failoverPair()
  await pair.green.readOnly(true)
  pair.name.moveTo([pair.blue.host, pair.green.host])
  const { out } = await visit([pair.url(), '--json'])
  const found = JSON.parse(out)
  expect(found.servers.map(({ writable }: { writable: boolean }) => writable)).toEqual([true, false])
  expect(found.recommendation.verdict).toBe('needed')
})

test.skipIf(!pgbouncerInstalled).each([
  ['who administers it', 'postgres', /PgBouncer: it says of itself: PgBouncer \d/],
  ['anybody else', 'somebody', /PgBouncer: it says of itself: "not allowed"/],
])('PgBouncer in between is told to %s: its settings are preferred', async (_who, admin, evidence) => {
  await using pgbouncer = await Pgbouncer.start(server, admin)
  using name = movableName(host, '127.0.0.1')
  const { code, out } = await visit([
    server.url({ host: name.name }).replace(`:${server.port}/`, `:${pgbouncer.port}/`),
  ])
  expect(code).toBe(0)
  expect(lines(out, 'proxy')).toEqual([expect.stringMatching(evidence)])
  expect(out).toContain('You do not need this here: PgBouncer sits in between. Set it there.')
  expect(out).toContain('dns_max_ttl')
})

test('a relay that passes bytes on is no proxy, and what it leads to is not taken to be on this machine', async () => {
  await using relay = await gate(server)
  const { out } = await visit([server.url().replace(`:${server.port}/`, `:${relay.port}/`)])
  expect(lines(out, 'proxy')).toEqual([expect.stringContaining('something forwards the connection')])
  expect(out).toContain('You do not need this: set maxLifetimeSeconds.')
  const direct = await visit([server.url()])
  expect(lines(direct.out, 'proxy')).toEqual(['none seen'])
  expect(direct.out).toContain('You do not need this: the server is on this machine.')
})

test('over TLS, the handshake is timed by itself, and the name is still what the certificate is checked against', async () => {
  const tls = await selfSigned(host)
  await using secured = await startPostgres({ tls })
  using name = movableName(host, secured.host)
  const accepted = await visit([`${secured.url({ host })}?sslmode=no-verify`])
  expect(lines(accepted.out, 'connect')).toEqual([expect.stringMatching(/TLS [1-9\d.]+, login/)])
  const refused = await visit([`${secured.url({ host })}?sslmode=verify-full`])
  expect(refused.code).toBe(1)
  expect(lines(refused.out, 'server')).toEqual([expect.stringContaining('self-signed certificate')])
  expect(name.lookups).toBeGreaterThan(0)
})

test('a server that is gone, and a name that does not resolve: nothing can be said, at once, with exit code 1', async () => {
  using name = movableName(host, '127.0.0.1')
  await using entrance = await gate(server)
  await entrance.refuse()
  const url = server.url({ host }).replace(`:${server.port}/`, `:${entrance.port}/`)
  const gone = await visit([url])
  expect(gone.code).toBe(1)
  expect(lines(gone.out, 'server')).toEqual([expect.stringContaining('ECONNREFUSED')])
  expect(lines(gone.out, 'looked up')).toEqual(['1 × in 0.0 s'])
  name.fail('ENOTFOUND')
  const unknown = await visit([url, '--json'])
  expect(unknown.code).toBe(1)
  expect(JSON.parse(unknown.out)).toMatchObject({
    name: { changes: [{ failure: `getaddrinfo ENOTFOUND ${host}` }] },
    recommendation: { verdict: 'unknown' },
  })
})

test('a server that was reached and said no: what it refused and what to do, with exit code 1', async () => {
  await server.query("create role locked login password 'key' connection limit 0")
  const at = `${server.host}:${server.port}`
  for (const [url, refused, words] of [
    [`postgres://nobody:wrong@${at}/postgres`, 'login', 'it refused the login'],
    // The server wants a password: pg itself says that there is none.
    [`postgres://postgres@${at}/postgres`, 'login', 'it refused the login'],
    [server.url({ database: 'nowhere' }), 'database', 'it refused the database'],
    [`postgres://locked:key@${at}/postgres`, 'connection', 'it has no connection left'],
  ] as const) {
    const { code, out } = await visit([url, '--json'])
    expect(code).toBe(1)
    const { servers, recommendation } = JSON.parse(out)
    expect(servers).toMatchObject([{ refused }])
    expect(recommendation.headline).toContain(words)
    const told = await visit([url])
    expect(told.out).toMatch(/- (see to it that the|try again when)/)
    for (const said of [out, told.out, told.err]) expect(said).not.toContain('wrong')
  }
})

test('a server that takes connections and never answers: nothing can be said, in a bounded time', async () => {
  await using entrance = await gate(server)
  await entrance.hang()
  const url = server.url().replace(`:${server.port}/`, `:${entrance.port}/`)
  const { code, out } = await visit([url, '--timeout', '0.2'])
  expect(code).toBe(1)
  expect(lines(out, 'server')).toEqual([expect.stringContaining('no answer within 200 ms')])
})

test.each(['s3cret-pa55', 'a b', 'p@ss/w?rd#%:&', 'pässwörd', "it's", '{"json":1}', '%2F'])(
  'the password %j is nowhere in what is printed, whether it is right or wrong',
  async (password) => {
    await server.query(`drop role if exists visitor`)
    await server.query(`create role visitor login password '${password.replaceAll("'", "''")}'`)
    const written = encodeURIComponent(password)
    const url = (secret: string) => `postgres://visitor:${secret}@${server.host}:${server.port}/postgres`
    const outputs: string[] = []
    for (const args of [[url(written)], [url(written), '--json'], [url(written), '--watch', '--for', '0.1']]) {
      const { code, out, err } = await visit(args)
      expect(code).toBe(0)
      outputs.push(out, err)
    }
    await server.query(`alter role visitor password 'another'`)
    const { code, out, err } = await visit([url(written)])
    expect(code).toBe(1)
    expect(out).toContain('password authentication failed')
    expect(out).toContain('A server was reached, but it refused the login')
    for (const output of [...outputs, out, err]) {
      expect(output).not.toContain(password)
      expect(output).not.toContain(written)
    }
  },
)

test('a server whose words move the cursor, forge lines or repeat the password is printed plainly', async () => {
  const database = await server.createDatabase()
  const ask = (text: string) => server.query(text, [], database)
  await ask(`drop role if exists visitor`)
  await ask(`create role visitor login password 'an echo'`)
  await ask(`create schema forged`)
  // What the doctor asks for resolves to this.
  await ask(`alter role visitor in database ${database} set search_path = forged, pg_catalog`)
  await ask(`grant usage on schema forged to visitor`)
  const say = (text: string) =>
    ask(`create or replace function forged.version() returns text language sql as $$ select ${text} $$`)
  const url = `postgres://visitor:an%20echo@${server.host}:${server.port}/${database}`
  const forged = `E'PostgreSQL 99\\x1b[2J\\u009b31m\\r\\nYou do not need this.\\u202e' || repeat('x', 5000)`
  await say(forged)
  const visits = [await visit([url]), await visit([url, '--json'])]
  await say(`'it is an echo'`)
  const echo = await visit([url])
  // At the login itself, in an error.
  await ask(`create function forged.refuse() returns event_trigger language plpgsql as
    $$ begin if session_user = 'visitor' then raise exception using message = ${forged}; end if; end $$`)
  await ask(`create event trigger at_login on login execute function forged.refuse()`)
  visits.push(await visit([url]), await visit([url, '--watch', '--for', '0.1', '--json']))
  for (const { out, err } of visits) {
    expect(out).toContain('PostgreSQL 99')
    expect(out + err).toMatch(/^[^\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u)
    expect((out + err).replaceAll('\n', '')).toMatch(/^\P{Cc}*$/u)
    expect(out).not.toMatch(/^You do not need this\.$/m)
    expect(Math.max(...out.split('\n').map(({ length }) => length))).toBeLessThan(1_000)
  }
  expect(echo.out).toContain('not shown, since the password is in it')
  expect(echo.out).not.toContain('an echo')
})

test('an account without rights, with limits of its own, gets an answer', async () => {
  await server.query(`drop role if exists narrow`)
  await server.query(`create role narrow login password 'narrow' connection limit 7`)
  const { code, out } = await visit([`postgres://narrow:narrow@${server.host}:${server.port}/postgres`])
  expect(code).toBe(0)
  expect(lines(out, 'room')).toEqual([expect.stringMatching(/^7 connections left of 200/)])
})

test('through a Unix socket there is no name to look up', async () => {
  await using socket = await unixSocket(server, '.s.PGSQL.5432')
  const { code, out } = await visit([`postgres://postgres:postgres@/postgres?host=${socket.directory}`])
  expect(code).toBe(0)
  expect(lines(out, 'name')).toEqual(['none: a Unix socket'])
  expect(lines(out, 'server')).toEqual([expect.stringContaining(`${socket.path}: PostgreSQL`)])
  expect(lines(out, 'connect')).toEqual([expect.not.stringContaining('DNS')])
})

test('leaves no connection behind', async () => {
  const database = await server.createDatabase()
  await visit([server.url({ database })])
  await visit([server.url({ database }), '--watch', '--for', '1'])
  await eventually(
    () => server.backends({ database }),
    ({ length }) => length === 0,
  )
})
