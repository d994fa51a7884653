import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { selfSigned } from '../../../test/certificate.ts'
import { withPeriodicFlush } from '../src/index.ts'

let server: PostgresServer
let ca: string

const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

beforeAll(async () => {
  const certificate = await selfSigned('localhost')
  ca = certificate.cert
  server = await startPostgres({ tls: certificate })
})
afterAll(() => server.stop())

test.each([
  ['without verification', () => 'require' as const],
  ['with a verified name', () => ({ ca, servername: 'localhost' })],
])('over TLS %s: flush, listen, peers, connections, keep and cut', async (_, ssl) => {
  const sql = withPeriodicFlush(() => postgres(server.url(), { max: 3, ssl: ssl(), onnotice: () => {} }), {
    intervalMs: false,
  })
  const heard: string[] = []
  await sql.listen('news', (payload) => heard.push(payload))
  const pids = () => Promise.all([1, 2, 3].map(() => sql`select pg_backend_pid() as pid, pg_sleep(0.05)`))
  const encrypted = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
  expect(encrypted).toMatchObject([{ ssl: true }])
  await pids()
  const { port } = new URL(server.url())
  expect(sql.$flusher.stats()).toMatchObject({ peers: [`127.0.0.1:${port}`], connections: 3, leases: 1 })
  const before = (await server.backends()).map(({ pid }) => pid)
  await expect(sql.$flush()).resolves.toMatchObject({ drained: true, moved: false, warmed: 3 })
  await eventually(async () => {
    const after = (await server.backends()).map(({ pid }) => pid)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
  })
  await sql.notify('news', 'hello')
  await eventually(() => expect(heard).toEqual(['hello']))
  const kept = sql.begin(async (tx) => {
    await sql.$flush({ wait: 'swapped' })
    return (await tx`select 1 as a`)[0]?.['a']
  })
  await expect(kept).resolves.toBe(1)
  const running = sql`select pg_sleep(60)`.execute()
  const failed = expect(running).rejects.toMatchObject({ code: 'CUT' })
  await eventually(async () =>
    expect((await server.backends()).filter(({ query, state }) => state === 'active' && /60/.test(query))).toHaveLength(
      1,
    ),
  )
  await sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })
  await failed
  await expect(sql`select 1 as a`).resolves.toMatchObject([{ a: 1 }])
  const cancelled = sql`select pg_sleep(61)`.execute()
  const stopped = expect(cancelled).rejects.toMatchObject({ code: '57014' })
  await eventually(async () =>
    expect((await server.backends()).filter(({ query, state }) => state === 'active' && /61/.test(query))).toHaveLength(
      1,
    ),
  )
  cancelled.cancel()
  await stopped
  await sql.end()
  await server.killBackends()
  expect(sql.$flusher.stats()).toMatchObject({ state: 'closed', leases: 0, retiring: [] })
})

test('over TLS, an end at any moment of a hand-over leaves nothing, and nothing connects anew', async () => {
  const clients = Array.from({ length: 30 }, () =>
    withPeriodicFlush(() => postgres(server.url(), { max: 1, ssl: 'require', onnotice: () => {} }), {
      intervalMs: false,
    }),
  )
  for (const [n, sql] of clients.entries()) {
    await sql.listen('news', () => {})
    await sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    await new Promise((resolve) => setTimeout(resolve, 2 * n))
    await sql.end()
  }
  await eventually(async () => expect(await server.backends()).toEqual([]))
  // Longer than postgres.js waits before it first connects anew.
  for (const end = performance.now() + 300; performance.now() < end; ) {
    expect(await server.backends()).toEqual([])
  }
})

test('over TLS, a server with a wrong certificate is refused, and the old client serves on', async () => {
  await using stranger = await startPostgres({ tls: await selfSigned('localhost') })
  let { port } = server
  const sql = withPeriodicFlush(() => postgres(server.url(), { port, max: 2, ssl: { ca, servername: 'localhost' } }), {
    intervalMs: false,
  })
  const pid = async () => (await sql`select pg_backend_pid() as pid`)[0]?.['pid']
  const before = await pid()
  port = stranger.port
  await expect(sql.$flush()).rejects.toMatchObject({
    code: 'CHECK_FAILED',
    cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  })
  expect(await pid()).toBe(before)
  await eventually(async () => expect(await stranger.backends()).toEqual([]))
  port = server.port
  await expect(sql.$flush()).resolves.toMatchObject({ drained: true })
  expect(await pid()).not.toBe(before)
  await sql.end()
})
