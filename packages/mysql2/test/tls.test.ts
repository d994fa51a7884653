import type { Certificate, MariadbServer } from '@periodic-flush/testing'
import { startMariadb } from '@periodic-flush/testing'
import type { PoolOptions } from 'mysql2'
import { createPool, type Pool } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { selfSigned } from '../../../test/certificate.ts'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { type FlushingPool, withPeriodicFlush } from '../src/index.ts'
import { eventually, value } from './stage.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** The sockets that this process holds. */
const openSockets = () => process.getActiveResourcesInfo().filter((resource) => resource.startsWith('TCP')).length

const now = { deadlineMs: 0, onDeadline: 'cut' } as const

describe.runIf(mariadbInstalled)('over TLS', () => {
  let certificate: Certificate
  let server: MariadbServer
  beforeAll(async () => {
    certificate = await selfSigned('localhost')
    server = await startMariadb({ tls: certificate })
  })
  afterAll(() => server.stop())

  const flushing = (ssl: PoolOptions['ssl'], of = () => server): FlushingPool<Pool> =>
    withPeriodicFlush(() => createPool({ uri: of().url(), connectionLimit: 3, ...(ssl && { ssl }) }), {
      intervalMs: false,
    })
  // Of a host that is an address mysql2 verifies the certificate, not the name.
  const verified = () => ({ ca: certificate.cert })

  const ids = async () => (await server.backends()).map(({ pid }) => pid)

  const gone = () => eventually(ids, ({ length }) => length === 0)

  describe.each<[string, () => PoolOptions['ssl']]>([
    ['without verification', () => ({ rejectUnauthorized: false })],
    ['with verification', verified],
  ])('%s', (_, ssl) => {
    test('loses nothing and stays within the limit while it is flushed under load', async () => {
      const pool = flushing(ssl())
      let flushes = 0
      let answers = 0
      let peak = 0
      const calling = async (): Promise<void> => {
        while (flushes < 30) {
          const cipher = `select variable_value from information_schema.session_status where variable_name = 'ssl_cipher'`
          expect(await value(pool, cipher)).toMatch(/AES|CHACHA/)
          answers++
        }
      }
      const watching = async (): Promise<void> => {
        while (flushes < 30) peak = Math.max(peak, (await ids()).length)
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
      await Promise.all([1, 2, 3].map(() => pool.query('select sleep(0.05)')))
      expect(pool.$flusher.stats()).toMatchObject({ peers: [`127.0.0.1:${server.port}`], connections: 3, leases: 0 })
      const before = await ids()
      expect(before).toHaveLength(3)
      await expect(pool.$flush()).resolves.toMatchObject({ drained: true, moved: false, warmed: 3 })
      expect(pool.$flusher.stats()).toMatchObject({ connections: 3, retiring: [] })
      await eventually(ids, (now) => now.length === 3 && !now.some((id) => before.includes(id)))
      await pool.end()
      await gone()
    })

    test('cuts what runs, and leaves nothing open after the end', async () => {
      const pool = flushing(ssl())
      const connection = await pool.getConnection()
      await connection.beginTransaction()
      const cut = [connection.query('select sleep(60)'), pool.query('select sleep(60)')].map((work) =>
        expect(work).rejects.toMatchObject({ code: 'CUT' }),
      )
      await eventually(
        () => server.backends(),
        (backends) => backends.filter(({ query }) => query.includes('sleep(60)')).length === 2,
      )
      await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 2, drained: true })
      await Promise.all(cut)
      await expect(connection.rollback()).rejects.toMatchObject({ code: 'CUT' })
      connection.release()
      expect(await value(pool, 'select 1')).toBe(1)
      await pool.end()
      expect(pool.$flusher.stats()).toMatchObject({ state: 'closed', connections: 0, leases: 0, retiring: [] })
      await server.killBackends()
    })

    test('drops every socket to a server that answers nothing, idle or not', async () => {
      const before = openSockets()
      const pool = flushing(ssl())
      await Promise.all([1, 2, 3].map(() => pool.query('select sleep(0.05)')))
      expect(openSockets()).toBe(before + 3)
      const asked = expect(pool.query('select sleep(60)')).rejects.toMatchObject({ code: 'CUT' })
      await eventually(
        () => server.backends(),
        (backends) => backends.some(({ query }) => query.includes('sleep(60)')),
      )
      await server.freeze()
      try {
        await pool.$flusher.close({ deadlineMs: 0 })
        await asked
        await eventually(openSockets, (count) => count === before)
      } finally {
        await server.thaw()
      }
      await server.killBackends()
      await gone()
    })
  })

  test('a cut in the middle of a handshake leaves nothing that could end the process', async () => {
    for (let turn = 0; turn < 60; turn++) {
      const pool = flushing({ rejectUnauthorized: false })
      const asked = [1, 2, 3].map(() => value(pool, 'select 1').catch((error: unknown) => error))
      for (let n = 0; n < turn; n++) await new Promise((resolve) => setImmediate(resolve))
      await pool.$flush(now)
      for (const outcome of await Promise.all(asked)) {
        if (outcome !== 1) expect(outcome).toMatchObject({ code: 'CUT' })
      }
      await pool.end()
      expect(pool.$flusher.stats()).toMatchObject({ connections: 0, leases: 0, retiring: [] })
    }
    await gone()
  })

  test('a server with a wrong certificate is refused, and the old client serves on', async () => {
    await using stranger = await startMariadb({ tls: await selfSigned('localhost') })
    let target = server
    const pool = flushing(verified(), () => target)
    const before = await value(pool, 'select connection_id()')
    target = stranger
    const refused = await pool.$flush().catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'CHECK_FAILED', cause: { code: 'HANDSHAKE_SSL_ERROR' } })
    expect(await value(pool, 'select connection_id()')).toBe(before)
    expect(pool.$flusher.stats()).toMatchObject({ generation: 1, connections: 1, retiring: [] })
    await eventually(
      () => stranger.backends(),
      ({ length }) => length === 0,
    )
    target = server
    await expect(pool.$flush()).resolves.toMatchObject({ drained: true })
    expect(await value(pool, 'select connection_id()')).not.toBe(before)
    await pool.end()
  })

  test('a server that wants TLS takes no connection without it', async () => {
    const pool = flushing(undefined)
    await expect(pool.query('select 1')).rejects.toMatchObject({
      code: expect.stringMatching(/ER_ACCESS_DENIED_ERROR|ER_SECURE_TRANSPORT_REQUIRED/),
    })
    await pool.end()
  })
})
