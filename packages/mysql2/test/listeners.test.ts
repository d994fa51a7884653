import type * as callback from 'mysql2'
import { describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { called, eventually, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

/** Listeners of a pool that throw, and what those of a connection hear of a flush. */

const fault = new Error('thrown by a listener')

describe.runIf(mariadbInstalled)('a listener that throws', () => {
  const on = stage('listeners')

  const throwing = (pool: object, event: string, times: number) => {
    let left = times
    const listener = () => {
      if (left-- > 0) throw fault
    }
    ;(pool as NodeJS.EventEmitter).on(event, listener)
  }

  test.each(['connection', 'acquire'])(
    "when it is told of '%s' fails who has asked for it, and holds nothing up",
    async (event) => {
      const pool = on.callback({ connectionLimit: 1 })
      throwing(pool, event, 3)
      const stream = pool.query('select 1').stream()
      const works = [
        called((done) => stream.on('error', done)),
        pool.promise().query('select 1'),
        pool.promise().getConnection(),
      ]
      for (const work of works) await expect(work).rejects.toBe(fault)
      expect(await value(pool.promise(), 'select 1')).toBe(1)
      expect(pool.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0 })
      // A connection that is not set up is lent to nobody.
      await eventually(
        () => on.pair.blue.backends(),
        ({ length }) => length === 1,
      )
    },
  )

  test("when it is told of an idle connection's 'acquire' too", async () => {
    const pool = on.promise({ connectionLimit: 1 })
    const before = await value(pool, 'select connection_id()')
    throwing(pool, 'acquire', 1)
    await expect(pool.query('select 1')).rejects.toBe(fault)
    expect(await value(pool, 'select connection_id()')).not.toBe(before)
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('of a fresh pool leaves the old one in service', async () => {
    const pool = on.promise({ connectionLimit: 2 })
    const id = await value(pool, 'select connection_id()')
    throwing(pool, 'connection', 1)
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED', cause: fault })
    expect(await value(pool, 'select connection_id()')).toBe(id)
    await expect(pool.$flush()).resolves.toMatchObject({ drained: true })
    await eventually(
      () => on.pair.blue.backends(),
      ({ length }) => length === 1,
    )
  })

  test('while more connections are warmed keeps no flush from its end', async () => {
    const pool = on.promise({ connectionLimit: 2 })
    await Promise.all([1, 2].map(() => pool.query('select sleep(0.05)')))
    let made = 0
    const { on: listen }: NodeJS.EventEmitter = pool
    listen.call(pool, 'connection', () => {
      if (++made === 2) throw fault
    })
    const failed = vi.fn()
    pool.$flusher.on('failed', failed)
    await expect(pool.$flush()).resolves.toMatchObject({ drained: true })
    expect(failed).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ step: 'warm', error: expect.objectContaining({ cause: fault }) }),
    )
    expect(await Promise.all([1, 2].map((n) => value(pool, 'select ?', [n])))).toEqual([1, 2])
  })

  test("when it is told of a 'release' is heard by who releases, as natively, and that is a release", async () => {
    const pool = on.callback({ connectionLimit: 1 })
    const connection = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
    throwing(pool, 'release', 1)
    expect(() => connection.release()).toThrow(fault)
    expect(pool.$flusher.stats().leases).toBe(0)
    expect(await value(pool.promise(), 'select 1')).toBe(1)
    await expect(pool.$flush()).resolves.toMatchObject({ drained: true })
  })
})

describe.runIf(mariadbInstalled)('a listener on a connection', () => {
  const on = stage('connection-listeners')

  test.each([false, true])('hears of no error while it is flushed (resetOnRelease: %s)', async (resetOnRelease) => {
    const pool = on.promise({ connectionLimit: 2, resetOnRelease })
    const errors: unknown[] = []
    const { on: listen }: NodeJS.EventEmitter = pool
    listen.call(pool, 'connection', (connection: callback.PoolConnection) =>
      connection.on('error', (error) => errors.push(error)),
    )
    for (let n = 0; n < 5; n++) {
      const held = await pool.getConnection()
      const flushed = pool.$flush()
      held.release()
      await flushed
      const late = await pool.getConnection()
      await pool.$flush({ wait: 'swapped' })
      late.release()
      // Prepared statements are dropped with a reset.
      await Promise.all([pool.execute('select 1'), pool.query('select 2'), pool.$flush()])
    }
    await pool.end()
    expect(errors).toEqual([])
    expect(await on.pair.blue.backends()).toEqual([])
  })
})
