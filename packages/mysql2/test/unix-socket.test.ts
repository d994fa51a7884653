import { type MariadbServer, startMariadb } from '@periodic-flush/testing'
import { createPool } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { unixSocket } from '../../../test/unix-socket.ts'
import { withPeriodicFlush } from '../src/index.ts'
import { eventually, running, value } from './stage.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

describe.runIf(mariadbInstalled)('through a Unix socket', () => {
  let server: MariadbServer
  beforeAll(async () => {
    server = await startMariadb()
  })
  afterAll(() => server.stop())

  test('it flushes and cuts, though nobody can tell where its sockets lead', async () => {
    const { user, password, database } = server
    await using socket = await unixSocket(server, 'mysqld.sock')
    const pool = withPeriodicFlush(
      () => createPool({ socketPath: socket.path, user, password, database, connectionLimit: 3 }),
      { intervalMs: false },
    )
    await Promise.all([1, 2, 3].map(() => pool.query('select sleep(0.05)')))
    const before = (await server.backends()).map(({ pid }) => pid)
    expect(pool.$flusher.stats()).toMatchObject({ peers: [], connections: 3, leases: 0 })
    await expect(pool.$flush()).resolves.toMatchObject({ drained: true, moved: false, warmed: 3 })
    expect(before).not.toContain(await value(pool, 'select connection_id()'))
    const sleeping = expect(pool.query('select sleep(60)')).rejects.toMatchObject({ code: 'CUT' })
    await eventually(() => server.backends(), running('sleep(60)'))
    await expect(pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })).resolves.toMatchObject({ cut: 1, drained: true })
    await sleeping
    await pool.end()
    expect(pool.$flusher.stats()).toMatchObject({ state: 'closed', connections: 0 })
    await server.killBackends()
  })
})
