import pg from 'pg'
import { expect, test } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'
import { stage, until } from './stage.ts'

const on = stage()

test('a role’s password and then its name rotate while queries run: none fails, and the old role is gone', async () => {
  await on.server.query(`create role app_one login password 'first'`)
  let credentials = { user: 'app_one', password: 'first' }
  const { host, port } = on.server
  const pool = withPeriodicFlush(
    // As from a secret store.
    async () => new pg.Pool({ host, port, database: 'postgres', max: 4, ...(await Promise.resolve(credentials)) }),
    { intervalMs: false },
  )
  let running = true
  const users = new Set<string>()
  const callers = Array.from({ length: 6 }, async () => {
    while (running) {
      const { rows } = await pool.query('select current_user as name, pg_sleep(0.005)')
      users.add(rows[0].name)
    }
  })
  // A pool that is full connects no more, so that the old password is not asked for again.
  const full = () =>
    until(async () => {
      const backends = await on.server.backends({ user: credentials.user })
      return backends.filter(({ query }) => query.includes('current_user')).length === 4
    })
  await full()

  await on.server.query(`alter role app_one password 'second'`)
  credentials = { user: 'app_one', password: 'second' }
  await pool.$flush()
  await full()
  expect([...users]).toEqual(['app_one'])
  expect(pool.options).toMatchObject(credentials)

  await on.server.query(`create role app_two login password 'third'`)
  credentials = { user: 'app_two', password: 'third' }
  await pool.$flush()
  expect(await on.server.backends({ user: 'app_one' })).toEqual([])
  // Nothing of it comes back, or this would stand in the way.
  await on.server.query('drop role app_one')
  users.clear()
  await full()
  await until(() => users.size > 0)

  running = false
  await Promise.all(callers)
  expect([...users]).toEqual(['app_two'])
  expect(pool.$flusher.stats()).toMatchObject({ flushes: 2, failures: 0 })
  await pool.end()
})
