import pg from 'pg'
import { expect, test } from 'vitest'
import { unixSocket } from '../../../test/unix-socket.ts'
import { withPeriodicFlush } from '../src/index.ts'
import { pidOf, reasonOf, stage, until } from './stage.ts'

const on = stage()

test('through a Unix socket it flushes and cuts, though nobody can tell where its sockets lead', async () => {
  const { user, password, database, port } = on.server
  await using socket = await unixSocket(on.server, `.s.PGSQL.${port}`)
  const pool = withPeriodicFlush(
    () => new pg.Pool({ host: socket.directory, port, user, password, database, max: 3 }),
    { intervalMs: false },
  )
  await Promise.all([1, 2, 3].map(() => pool.query('select pg_sleep(0.05)')))
  const before = (await on.server.backends()).map(({ pid }) => pid)
  expect(pool.$flusher.stats()).toMatchObject({ peers: [], connections: 3, leases: 0 })
  await expect(pool.$flush()).resolves.toMatchObject({ drained: true, moved: false, warmed: 3 })
  expect(before).not.toContain(await pidOf(pool))
  const running = reasonOf(pool.query('select pg_sleep(60)'))
  await until(async () => (await on.server.backends()).some(({ query }) => query.includes('sleep(60)')))
  await expect(pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })).resolves.toMatchObject({ cut: 1, drained: true })
  expect(await running).toMatchObject({ code: 'CUT' })
  await pool.end()
  expect(pool.$flusher.stats()).toMatchObject({ state: 'closed', connections: 0 })
  await on.server.killBackends()
})
