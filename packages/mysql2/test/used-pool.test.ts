import type { PoolOptions } from 'mysql2'
import * as callback from 'mysql2'
import * as promise from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { later } from '../../../test/later.ts'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { withPeriodicFlush } from '../src/index.ts'
import { called, eventually, running, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

/** A factory that fetches credentials may try them before it returns the pool: that has connections then. */

describe.runIf(mariadbInstalled)('a pool that its factory has used', () => {
  const on = stage('used-pool')

  const tried = (settings: PoolOptions = {}, unfinished = 0) =>
    withPeriodicFlush(
      async () => {
        const made = promise.createPool({ uri: on.pair.url(), connectionLimit: 2, ...settings })
        await made.query('select 1')
        for (let left = unfinished; left > 0; left--) made.query('select 1').catch(() => {})
        return made
      },
      { intervalMs: false, deadlineMs: 3_000 },
    )

  test('lends what it has until that is given back: a flush ends no transaction', async () => {
    const pool = on.closing(await tried())
    for (let n = 1; n <= 2; n++) {
      const connection = await pool.getConnection()
      expect(pool.$flusher.stats()).toMatchObject({ leases: 1, connections: 1, peers: [`127.0.0.1:${on.pair.port}`] })
      await connection.beginTransaction()
      await pool.$flush({ wait: 'swapped' })
      expect(pool.$flusher.stats().retiring).toMatchObject([{ leases: 1, connections: 1 }])
      expect(await value(connection as never, 'select connection_id()')).toBe(connection.threadId)
      await connection.commit()
      connection.release()
      await eventually(
        () => pool.$flusher.stats().retiring,
        ({ length }) => length === 0,
      )
    }
    expect(await on.pair.blue.backends()).toHaveLength(1)
  })

  test('closes what idles at once, and what it has when it ends', async () => {
    const pool = on.closing(await tried())
    const [first, second] = await Promise.all([pool.getConnection(), pool.getConnection()])
    await pool.$flush({ wait: 'swapped' })
    first.release()
    await eventually(
      () => pool.$flusher.stats().retiring,
      ([old]) => old?.connections === 1,
    )
    second.release()
    await pool.end()
    expect(await on.pair.blue.backends()).toEqual([])
  })

  test('is ended when its first use comes later than the interval, which another serves', async () => {
    const made: promise.Pool[] = []
    const pool = on.closing(
      await withPeriodicFlush(async () => {
        made.push(promise.createPool(on.pair.url()))
        await made.at(-1)?.query('select 1')
        return made.at(-1) as promise.Pool
      }),
    )
    later(31_000)
    await pool.query('select 1')
    expect(made).toHaveLength(2)
    await eventually(
      () => on.pair.blue.backends(),
      ({ length }) => length === 1,
    )
  })

  test('sets up the sessions that it has as all others, before they are used', async () => {
    // One idles by then, or is about to, and one is being made.
    const pool = on.closing(await tried({}, 2))
    const marked: unknown[] = []
    const { on: listen }: NodeJS.EventEmitter = pool
    listen.call(pool, 'connection', (connection) => {
      marked.push(connection.threadId)
      Reflect.apply(callback.Connection.prototype.query, connection, ['set @mark = 7'])
    })
    for (let n = 1; n <= 3; n++) {
      expect(await Promise.all([1, 2].map(() => value(pool, 'select @mark')))).toEqual([7, 7])
      // Each once.
      expect(marked).toHaveLength(2 * n)
      expect(new Set(marked).size).toBe(2 * n)
      await pool.$flush()
    }
  })

  test('is cut with all that it has, though some of it is only being made', async () => {
    const native = callback.createPool({ uri: on.pair.url(), connectionLimit: 3, connectTimeout: 60_000 })
    await native.promise().query('select 1')
    const held = await called<callback.PoolConnection>((done) => native.getConnection(done as never))
    await on.pair.blue.freeze()
    try {
      const connecting = native
        .promise()
        .query('select 1')
        .catch((error: Error) => error.message)
      const pools = [native, callback.createPool(on.pair.url())]
      const pool = on.closing(withPeriodicFlush(() => pools.shift() ?? native, { intervalMs: false }))
      const asked = pool
        .promise()
        .query('select 1')
        .catch((error: unknown) => error)
      expect(pool.$flusher.stats()).toMatchObject({ leases: 1, connections: 3 })
      on.pair.moveTo('green')
      await expect(pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })).resolves.toMatchObject({ cut: 1, drained: true })
      expect(await asked).toMatchObject({ code: 'CUT' })
      expect(await connecting).toBe('Pool is closed.')
      expect((held as unknown as { stream: { destroyed: boolean } }).stream.destroyed).toBe(true)
    } finally {
      await on.pair.blue.thaw()
    }
  })

  test('tells what fails on the connections that it has', async () => {
    const pool = on.closing(await tried({ connectionLimit: 1 }))
    const connection = await pool.getConnection()
    const asked = connection.query('select sleep(62)').catch((error: unknown) => error)
    await eventually(() => on.pair.blue.backends(), running('sleep(62)'))
    await on.pair.blue.killBackends()
    expect(await asked).toMatchObject({ fatal: true })
    await eventually(
      () => pool.$flusher.stats().leases,
      (leases) => leases === 0,
    )
    expect(await value(pool, 'select 1')).toBe(1)
  })
})
