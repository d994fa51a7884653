import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { CountedSockets } from '../../../test/counted-sockets.ts'
import { pidOf, reasonOf, stage, swapped } from './stage.ts'

const on = stage()

type Callback = (error: Error, result: pg.QueryResult) => void
const called = (start: (callback: Callback) => unknown): Promise<{ error: Error; result: pg.QueryResult }> =>
  new Promise((resolve) => start((error, result) => resolve({ error, result })))

describe('query', () => {
  test('takes text, values, a config, an array config and a name, with promises, across a flush', async () => {
    const pool = on.flushing()
    for (const generation of [1, 2]) {
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect((await pool.query('select $1::int as n', [2])).rows).toEqual([{ n: 2 }])
      expect((await pool.query({ text: 'select $1::int as n', values: [3] })).rows).toEqual([{ n: 3 }])
      expect((await pool.query({ text: 'select $1::int as n' }, [4])).rows).toEqual([{ n: 4 }])
      expect((await pool.query({ text: 'select 5', rowMode: 'array' })).rows).toEqual([[5]])
      const named = { name: 'six', text: 'select $1::int as n', values: [6] }
      expect((await Promise.all([pool.query(named), pool.query(named)])).map(({ rows }) => rows[0])).toEqual([
        { n: 6 },
        { n: 6 },
      ])
      expect(pool.$flusher.stats()).toMatchObject({ generation, leases: 0 })
      await pool.$flush()
    }
  })

  test('takes callbacks in each place', async () => {
    const pool = on.flushing()
    for (const start of [
      (callback: Callback) => pool.query('select 7 as n', callback),
      (callback: Callback) => pool.query('select $1::int as n', [7], callback),
      (callback: Callback) => pool.query({ text: 'select $1::int as n', values: [7] }, callback),
    ]) {
      const { error, result } = await called(start)
      expect(error).toBeUndefined()
      expect(result.rows).toEqual([{ n: 7 }])
    }
    const { error } = await called((callback) => pool.query('select 1 / 0', callback))
    expect(error).toMatchObject({ code: '22012' })
    const leases = () => pool.$flusher.stats().leases
    expect(await new Promise((resolve) => pool.query('select 1', () => resolve(leases())))).toBe(0)
  })

  test.each([null, undefined, false])('takes %s for no callback, as natively', async (callback) => {
    for (const pool of [on.native(), on.flushing()]) {
      const ask = (...given: unknown[]) => Reflect.apply(pool.query, pool, [...given, callback])
      expect(await ask('select 1 as one', [])).toMatchObject({ rows: [{ one: 1 }] })
      expect(await ask({ text: 'select 1 as one' }, undefined)).toMatchObject({ rows: [{ one: 1 }] })
      const client = await Reflect.apply(pool.connect, pool, [callback])
      client.release()
      await Reflect.apply(pool.end, pool, [callback])
      expect(pool.ended).toBe(true)
    }
  })

  test('opens no connection in the place of one that closes, as after each that fails or by `maxUses`', async () => {
    for (const [config, texts] of [
      [{ max: 1 }, ['select 1 / 0', 'select 1']],
      [{ max: 2 }, ['select 1 / 0', 'select 1']],
      [{ max: 2, maxUses: 1 }, ['select 1']],
    ] as const) {
      const sockets = new CountedSockets()
      const pool = on.flushing({ ...config, stream: sockets.stream })
      const asked = Array.from({ length: 40 }, (_, n) => pool.query(texts[n % texts.length] ?? ''))
      await Promise.allSettled(asked)
      expect(sockets.most).toBe(config.max)
      expect(pool.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0 })
    }
  })

  test('treats wrong arguments as natively', async () => {
    const pool = on.flushing()
    const native = on.native()
    const wrong = [undefined, null, 7, {}, { text: 'select 1', values: 7 }]
    for (const config of wrong) {
      const expected = await reasonOf(native.query(config as never))
      expect(expected).toBeInstanceOf(Error)
      expect(await reasonOf(pool.query(config as never))).toEqual(expected)
    }
    const { error } = await called((callback) => pool.query(callback as never))
    expect(error.message).toBe('Passing a function as the first parameter to pool.query is not supported')
    expect(pool.$flusher.stats().leases).toBe(0)
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  })

  test('an error’s stack leads back to the caller, as natively', async () => {
    const pool = on.flushing()
    const nowhere = on.flushing({ connectionString: 'postgres://nobody@127.0.0.1:1/none' })
    async function theCaller(work: () => Promise<unknown>) {
      await work()
    }
    for (const work of [() => pool.query('select 1 / 0'), () => nowhere.connect()]) {
      expect(await reasonOf(theCaller(work))).toMatchObject({ stack: expect.stringContaining('theCaller') })
    }
  })

  test('a plain Query gives a promise of its result, as natively; one with a callback calls it', async () => {
    const pool = on.flushing({ max: 1 })
    const rows: unknown[] = []
    const query = new pg.Query('select 8 as n')
    query.on('row', (row) => rows.push(row))
    // The types promise the query itself; pg gives a promise.
    const result = (await pool.query(query)) as unknown as pg.QueryResult
    expect(result.rows).toEqual([{ n: 8 }])
    expect(rows).toEqual([{ n: 8 }])
    const { result: other } = await called((callback) => pool.query(new pg.Query('select 9 as n', callback as never)))
    expect(other.rows).toEqual([{ n: 9 }])
    const wrong = { text: 'select 1', values: 7 } as unknown as pg.QueryConfig
    const { error } = await called((callback) => pool.query(new pg.Query(wrong, callback as never)))
    expect(error.message).toBe('Query values must be an array')
    expect(pool.$flusher.stats().leases).toBe(0)
    await expect(pidOf(pool)).resolves.toBeTypeOf('number')
  })

  test('a queue of callers is served first in, first out, and moves to the fresh pool at the swap', async () => {
    const pool = on.flushing({ max: 1 })
    const held = await pool.connect()
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (n) => {
      const pid = await pidOf(pool)
      order.push(n)
      return pid
    })
    expect(pool.waitingCount).toBe(3)
    const before = await pidOf(held)
    await pool.$flush(swapped)
    expect(await Promise.all(waiting)).not.toContain(before)
    expect(order).toEqual([1, 2, 3])
    expect(await pidOf(held)).toBe(before)
    held.release()
  })
})
