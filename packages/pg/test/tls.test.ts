import type { ConnectionOptions } from 'node:tls'
import { type Certificate, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../../../test/certificate.ts'
import { type FlushingPool, withPeriodicFlush } from '../src/index.ts'
import { pidOf, reasonOf, swapped, until } from './stage.ts'

const cut = expect.objectContaining({ code: 'CUT' })

let certificate: Certificate
let server: PostgresServer

beforeAll(async () => {
  certificate = await selfSigned('localhost')
  server = await startPostgres({ tls: certificate })
})
afterAll(() => server.stop())

/** The sockets that this process holds. */
const openSockets = () => process.getActiveResourcesInfo().filter((resource) => resource.startsWith('TCP')).length

const pids = async () => (await server.backends()).map(({ pid }) => pid)

const gone = () => until(async () => (await pids()).length === 0)

function flushing(ssl: boolean | ConnectionOptions, max = 3): FlushingPool {
  const { host, user, password, database } = server
  return withPeriodicFlush(() => new pg.Pool({ host, port: server.port, user, password, database, ssl, max }), {
    intervalMs: false,
  })
}

describe.each<[string, () => ConnectionOptions]>([
  ['without verification', () => ({ rejectUnauthorized: false })],
  ['with a verified name', () => ({ ca: certificate.cert, servername: 'localhost' })],
])('over TLS %s', (_, ssl) => {
  test('loses nothing and stays within the limit while it is flushed under load', async () => {
    const pool = flushing(ssl())
    let flushes = 0
    let answers = 0
    let peak = 0
    const calling = async (): Promise<void> => {
      while (flushes < 30) {
        const { rows } = await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
        expect(rows).toEqual([{ ssl: true }])
        answers++
      }
    }
    const watching = async (): Promise<void> => {
      while (flushes < 30) peak = Math.max(peak, (await pids()).length)
    }
    const callers = [1, 2, 3, 4, 5, 6].map(calling)
    const watch = watching()
    for (; flushes < 30; flushes++) {
      await expect(pool.$flush()).resolves.toMatchObject({ drained: true, moved: false, cut: 0 })
    }
    await Promise.all([...callers, watch])
    expect(answers).toBeGreaterThan(30)
    expect(peak).toBeLessThanOrEqual(4)
    await pool.end()
    await gone()
  })

  test('tells where it is connected, shrinks and warms as without', async () => {
    const pool = flushing(ssl())
    await Promise.all([1, 2, 3].map(() => pool.query('select pg_sleep(0.05)')))
    expect(pool.$flusher.stats()).toMatchObject({ peers: [`127.0.0.1:${server.port}`], connections: 3, leases: 0 })
    const before = await pids()
    expect(before).toHaveLength(3)
    await expect(pool.$flush()).resolves.toMatchObject({ drained: true, moved: false, warmed: 3 })
    expect(pool.$flusher.stats()).toMatchObject({ connections: 3, retiring: [] })
    expect((await pids()).filter((pid) => before.includes(pid))).toEqual([])
    await pool.end()
    await gone()
  })

  test('cuts what runs, and leaves nothing open after the end', async () => {
    const pool = flushing(ssl())
    const client = await pool.connect()
    await client.query('begin')
    const pending = [client.query('select pg_sleep(60)'), pool.query('select pg_sleep(60)')].map(reasonOf)
    await until(async () => (await server.backends()).filter(({ query }) => /sleep\(60/.test(query)).length === 2)
    await expect(pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })).resolves.toMatchObject({ cut: 2, drained: true })
    expect(await Promise.all(pending)).toEqual([cut, cut])
    expect(await reasonOf(client.query('rollback'))).toEqual(cut)
    client.release()
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await pool.end()
    // What was cut still sleeps: PostgreSQL has not looked at its socket.
    await server.killBackends()
    await gone()
    expect(pool.$flusher.stats()).toMatchObject({ state: 'closed', connections: 0, leases: 0, retiring: [] })
  })

  test('drops every socket to a server that answers nothing, idle or not', async () => {
    const before = openSockets()
    const pool = flushing(ssl())
    await Promise.all([1, 2, 3].map(() => pool.query('select pg_sleep(0.05)')))
    expect(openSockets()).toBe(before + 3)
    const asked = reasonOf(pool.query('select pg_sleep(60)'))
    await until(async () => (await server.backends()).some(({ query }) => query.includes('sleep(60)')))
    await server.freeze()
    try {
      await pool.$flusher.close({ deadlineMs: 0 })
      expect(await asked).toEqual(cut)
      await until(() => openSockets() === before)
    } finally {
      await server.thaw()
    }
    await server.killBackends()
    await gone()
  })
})

test('over TLS, a cut in the middle of a handshake leaves nothing that could end the process', async () => {
  for (let turn = 0; turn < 60; turn++) {
    const pool = flushing({ rejectUnauthorized: false })
    const asked = [1, 2, 3].map(() => reasonOf(pool.query('select 1')))
    for (let n = 0; n < turn; n++) await new Promise((resolve) => setImmediate(resolve))
    await pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    for (const reason of await Promise.all(asked)) if (reason !== undefined) expect(reason).toEqual(cut)
    await pool.end()
    expect(pool.$flusher.stats()).toMatchObject({ connections: 0, leases: 0, retiring: [] })
  }
  await gone()
})

test('a server with a wrong certificate is refused, and the old client serves on', async () => {
  await using stranger = await startPostgres({ tls: await selfSigned('localhost') })
  let url = server.url()
  const ssl = { ca: certificate.cert, servername: 'localhost' }
  const pool = withPeriodicFlush(() => new pg.Pool({ connectionString: url, ssl }), { intervalMs: false })
  const before = await pidOf(pool)
  url = stranger.url()
  const refused = await reasonOf(pool.$flush())
  expect(refused).toMatchObject({ code: 'CHECK_FAILED', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  expect(await pidOf(pool)).toBe(before)
  expect(pool.$flusher.stats()).toMatchObject({ generation: 1, connections: 1, retiring: [] })
  await until(async () => (await stranger.backends()).length === 0)
  url = server.url()
  await pool.$flush(swapped)
  expect(await pidOf(pool)).not.toBe(before)
  await pool.end()
})

test('a server that wants TLS takes no connection without it', async () => {
  const pool = flushing(false)
  expect(await reasonOf(pool.query('select 1'))).toMatchObject({ code: '28000' })
  await pool.end()
})
