import { EventEmitter } from 'node:events'
import { inspect } from 'node:util'
import { Pool as NeonPool } from '@neondatabase/serverless'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { describe, expect, test } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'
import { reasonOf, stage, until } from './stage.ts'

const on = stage()

/** The public members of a pool that are not an EventEmitter's. */
function membersOf(pool: pg.Pool): string[] {
  const members = new Set(Object.keys(pool))
  for (let at = Object.getPrototypeOf(pool); at !== EventEmitter.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) members.add(name)
  }
  return [...members].filter((name) => !name.startsWith('_') && name !== 'constructor').sort()
}

describe('a flushing pool', () => {
  test('is a Pool to whoever asks', async () => {
    const pool = on.flushing()
    expect(pool).toBeInstanceOf(pg.Pool)
    expect(Object.getPrototypeOf(pool).constructor.name).toContain('Pool')
    expect('then' in pool).toBe(false)
    expect(await pool).toBe(pool)
  })

  test('knows every public member that the pinned version of pg has', () => {
    // A member that a new version brings must be thought of: it would act on a pool that never connects.
    expect(membersOf(on.native())).toEqual(
      [
        ...['Client', 'Promise', 'log', 'options', 'ending', 'ended'],
        ...['connect', 'end', 'newClient', 'query'],
        ...['expiredCount', 'idleCount', 'totalCount', 'waitingCount'],
      ].sort(),
    )
    const disposes = (pool: object) => Symbol.asyncDispose in pool
    expect(disposes(on.flushing())).toBe(disposes(on.native()))
  })

  test('shows the Client, Promise and log of the factory’s pool', () => {
    class OwnClient extends pg.Client {}
    const log = () => {}
    const pool = on.flushing({ Client: OwnClient, log })
    expect(pool).toMatchObject({ Client: OwnClient, log, Promise })
  })

  test('refuses newClient, which is pg-pool’s own', () => {
    expect(() => Reflect.get(on.flushing(), 'newClient').call(undefined)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_CLIENT', message: expect.stringContaining('pool.connect()') }),
    )
  })

  test('counts clients as a native pool does, over all generations', async () => {
    const pool = on.flushing({ max: 2 })
    const native = on.native({ max: 2 })
    const figures = ({ totalCount, idleCount, waitingCount, expiredCount }: pg.Pool) => ({
      ...{ totalCount, idleCount, waitingCount, expiredCount },
    })
    for (const step of [
      async (of: pg.Pool) => void (await of.query('select 1')),
      async (of: pg.Pool) => void (await Promise.all([of.query('select 1'), of.query('select 1')])),
    ]) {
      await step(native)
      await step(pool)
      expect(figures(pool)).toEqual(figures(native))
    }
    const held = [await pool.connect(), await pool.connect()]
    const waiting = pool.query('select 1')
    expect(figures(pool)).toEqual({ totalCount: 2, idleCount: 0, waitingCount: 1, expiredCount: 0 })
    await pool.$flush({ wait: 'swapped' })
    await waiting
    expect(figures(pool)).toEqual({ totalCount: 3, idleCount: 1, waitingCount: 0, expiredCount: 0 })
    for (const client of held) client.release()
    await until(() => pool.totalCount === 1)
  })

  test.each([
    ['2', 2],
    [1.5, 2],
    [Number.POSITIVE_INFINITY, 4],
  ])('takes a `max` of %j as natively', async (max, most) => {
    for (const pool of [on.native({ max: max as number }), on.flushing({ max: max as number })]) {
      const peaks: number[] = []
      pool.on('acquire', () => peaks.push(pool.totalCount))
      await Promise.all([1, 2, 3, 4].map(() => pool.query('select pg_sleep(0.05)')))
      expect(Math.max(...peaks)).toBe(most)
      expect(pool.options.max).toBe(max)
    }
  })

  test('forgets the pools that have ended, so that nothing grows with its flushes', async () => {
    const asked = new Set<pg.Pool>()
    const factory = () => {
      const made = on.native()
      const get = () => asked.add(made) && Reflect.get(pg.Pool.prototype, 'totalCount', made)
      return Object.defineProperty(made, 'totalCount', { get })
    }
    const pool = withPeriodicFlush(factory, { intervalMs: false })
    for (let flushes = 0; flushes < 5; flushes++) {
      await pool.query('select 1')
      await pool.$flush()
    }
    asked.clear()
    expect(pool.totalCount).toBe(1)
    // The one that serves, and the one before, which is forgotten when the next comes.
    expect(asked.size).toBe(2)
    await pool.end()
  })

  test('counts clients that outlived maxLifetimeSeconds', async () => {
    const pool = on.flushing({ maxLifetimeSeconds: 0.05 })
    const client = await pool.connect()
    await until(() => pool.expiredCount === 1)
    client.release()
    expect(pool).toMatchObject({ expiredCount: 0, totalCount: 0 })
  })

  test('shows one options object; what is written to it holds for every later pool', async () => {
    const pool = on.flushing({ max: 3, application_name: 'first' })
    const { options } = pool
    expect(options).toMatchObject({ max: 3, application_name: 'first', idleTimeoutMillis: 10_000 })
    expect(Object.keys(options)).toEqual(Object.keys(on.native({ max: 3, application_name: 'first' }).options))
    Object.assign(options, { application_name: 'second' })
    await pool.query('select 1')
    await pool.$flush()
    expect(pool.options).toBe(options)
    expect(options).toMatchObject({ max: 3, application_name: 'second' })
    const { rows } = await pool.query(`select current_setting('application_name') as name`)
    expect(rows).toEqual([{ name: 'second' }])
  })

  test('heeds what is written to its options at its next connection, as natively', async () => {
    const asked: string[] = []
    const seen = async (pool: pg.Pool) => {
      const client = await pool.connect()
      const onConnect = () => void asked.push('onConnect')
      Object.assign(pool.options, { application_name: 'second', idleTimeoutMillis: 1, onConnect })
      const { rows } = await pool.query(`select current_setting('application_name') as name`)
      client.release()
      await until(() => pool.totalCount === 0)
      return [rows, asked.splice(0)]
    }
    const config = { max: 2, application_name: 'first' }
    const expected = await seen(on.native(config))
    expect(expected).toEqual([[{ name: 'second' }], ['onConnect']])
    const pool = on.flushing(config)
    expect(await seen(pool)).toEqual(expected)
    // Its own are left to it until the next pool: how many it may hold, and what counts them.
    Object.assign(pool.options, { max: 1, stream: undefined, idleTimeoutMillis: 10_000 })
    for (const client of [await pool.connect(), await pool.connect()]) client.release()
    expect(pool.$flusher.stats().connections).toBe(2)
    await pool.$flush()
    const held = await pool.connect()
    const waiting = pool.query('select 1')
    expect(pool.waitingCount).toBe(1)
    held.release()
    await waiting
  })

  test('shows the options of the pool that serves, not of one that was refused', async () => {
    let config: pg.PoolConfig = { application_name: 'first' }
    const pool = withPeriodicFlush(() => on.native(config), { intervalMs: false })
    await pool.query('select 1')
    config = { application_name: 'second', connectionString: 'postgres://nobody@127.0.0.1:1/none' }
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED' })
    expect(pool.options).toMatchObject({ application_name: 'first' })
    await pool.end()
  })

  test('shows options that a client of one’s own can be made of, which is not counted', async () => {
    const url = new URL(on.server.url())
    const parts = { host: url.hostname, port: Number(url.port), user: url.username, password: url.password }
    const pool = on.flushing({ ...parts, connectionString: undefined, database: 'postgres' })
    await pool.query('select 1')
    const client = new pg.Client(pool.options)
    await client.connect()
    expect(pool.$flusher.stats().connections).toBe(1)
    await pool.$flusher.close()
    await expect(client.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await client.end()
  })

  test('shows no password', async () => {
    const pool = on.flushing()
    await pool.query('select 1')
    const { password } = new URL(on.server.url())
    expect(inspect(pool, { depth: 9 })).toContain('FlushingPool')
    for (const shown of [inspect(pool, { depth: 9 }), JSON.stringify(pool), inspect(pool.$flusher, { depth: 9 })]) {
      expect(shown).not.toContain(`:${password}@`)
    }
  })
})

describe('end', () => {
  test('waits for what runs and what waits; then use fails in pg’s own words', async () => {
    const pool = on.flushing({ max: 1 })
    const client = await pool.connect()
    const waiting = [2, 3].map((n) => pool.query('select $1::int as n', [n]))
    const ended = pool.end()
    expect(pool).toMatchObject({ ending: true, ended: false })
    const use = 'Cannot use a pool after calling end on the pool'
    await expect(pool.query('select 1')).rejects.toThrow(use)
    await expect(pool.connect()).rejects.toThrow(use)
    await expect(pool.end()).rejects.toThrow('Called end on pool more than once')
    await client.query('select 1')
    expect(pool).toMatchObject({ ending: true, ended: false })
    client.release()
    expect((await Promise.all(waiting)).map(({ rows }) => rows)).toEqual([[{ n: 2 }], [{ n: 3 }]])
    await ended
    expect(pool).toMatchObject({ ended: true, totalCount: 0 })
    expect(pool.$flusher.stats().state).toBe('closed')
  })

  test('calls back', async () => {
    const pool = on.flushing()
    await pool.query('select 1')
    await new Promise<void>((resolve) => pool.end(resolve))
    const error = await new Promise((resolve) => pool.end(resolve as () => void))
    expect(error).toMatchObject({ message: 'Called end on pool more than once' })
    expect(await on.server.backends()).toEqual([])
  })
})

test('after $flusher.close() every form of use fails with CLOSED, in the way of its form', async () => {
  const pool = on.flushing()
  await pool.$flusher.close()
  const closed = expect.objectContaining({ code: 'CLOSED' })
  expect(await reasonOf(pool.query('select 1'))).toEqual(closed)
  expect(await reasonOf(pool.connect())).toEqual(closed)
  expect(await new Promise((resolve) => pool.query('select 1', resolve))).toEqual(closed)
  expect(await new Promise((resolve) => pool.connect(resolve))).toEqual(closed)
  expect(await reasonOf(pool.query(new Cursor('select 1')).read(1))).toEqual(closed)
  await pool.end()
})

describe('withPeriodicFlush', () => {
  test('refuses what is no factory of new pools', async () => {
    const refused = (what: string) =>
      expect.objectContaining({ code: 'UNSUPPORTED_CLIENT', message: expect.stringContaining(what) })
    // @ts-expect-error: a pool is not a factory
    expect(() => withPeriodicFlush(on.native())).toThrow(
      new TypeError(
        'Expected `factory`, the first argument, to be a function that returns a new pg.Pool, got a client; write withPeriodicFlush(() => new Pool(config))',
      ),
    )
    // @ts-expect-error: nor is what makes one
    expect(() => withPeriodicFlush('postgres://user:secret@host')).toThrow('got a string of 27 characters; write')
    // @ts-expect-error: a client is not a pool
    expect(() => withPeriodicFlush(() => new pg.Client())).toThrow(refused('got an object'))
    // @ts-expect-error: neither is what only looks like one
    expect(() => withPeriodicFlush(() => ({ options: {}, totalCount: 0, connect() {}, end() {} }))).toThrow(
      refused('got an object'),
    )
    const whole = { options: { max: 1 }, totalCount: 0, connect() {}, end() {}, Client: pg.Client }
    for (const lacking of [{ options: {} }, ...Object.keys(whole).map((member) => ({ [member]: undefined }))]) {
      expect(() => withPeriodicFlush(() => ({ ...whole, ...lacking }) as never)).toThrow(refused('got an object'))
    }
    // @ts-expect-error: a number is not a pool
    expect(() => withPeriodicFlush(() => 7)).toThrow(refused('got 7'))
    expect(() => withPeriodicFlush(() => on.flushing())).toThrow(refused('flushed already'))
    const connected = on.native()
    await connected.query('select 1')
    expect(() => withPeriodicFlush(() => connected)).toThrow(refused('connected already'))
    // Natively no caller ever gets a connection of these, or every one a new one.
    for (const max of ['ten', '0', -1]) {
      expect(() => withPeriodicFlush(() => on.native({ max: max as number }))).toThrow(refused('takes a number from 1'))
    }
    class NativeClient extends pg.Client {
      isConnected() {}
    }
    expect(() => withPeriodicFlush(() => on.native({ Client: NativeClient }))).toThrow(refused('pg.native'))
    class VercelPool extends NeonPool {}
    for (const Pool of [NeonPool, VercelPool]) {
      // @ts-expect-error: its sockets are others than pg's
      expect(() => withPeriodicFlush(() => new Pool())).toThrow(refused('use the Pool of pg'))
    }
    const late = withPeriodicFlush(async () => on.flushing(), { intervalMs: false })
    expect(await reasonOf(late.query('select 1'))).toEqual(refused('flushed already'))
    // @ts-expect-error: unknown option
    expect(() => withPeriodicFlush(() => on.native(), { interval: 3 })).toThrow('Unknown option `interval`')
  })

  test('refuses a pool that comes again, which serves on as before', async () => {
    const same = on.native({ max: 1 })
    const pool = withPeriodicFlush(() => same, { intervalMs: false })
    let acquired = 0
    pool.on('acquire', () => acquired++)
    await pool.query('select 1')
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'SAME_CLIENT' })
    await pool.query('select 1')
    expect(acquired).toBe(2)
    await pool.end()
  })

  test('with an async factory shows no options, and no Client of one’s own, until the first opening', async () => {
    class OwnClient extends pg.Client {}
    const pool = withPeriodicFlush(async () => on.native({ max: 2, Client: OwnClient }), { intervalMs: false })
    expect(pool).not.toMatchObject({ Client: OwnClient })
    const { options } = pool
    expect({ ...options }).toEqual({})
    Object.assign(options, { application_name: 'early' })
    expect({ ...options }).toEqual({ application_name: 'early' })
    expect(['application_name' in options, 'max' in options]).toEqual([true, false])
    expect((await Promise.all([1, 2, 3].map(() => pool.query('select 1')))).length).toBe(3)
    expect(pool.options).toBe(options)
    expect(options).toMatchObject({ max: 2, application_name: 'early' })
    expect('max' in options).toBe(true)
    expect(pool).toMatchObject({ Client: OwnClient })
    await pool.end()
    expect(options).toMatchObject({ max: 2, application_name: 'early' })
  })

  test('an async factory that fails fails its first use, and is asked again by the next', async () => {
    let failures = 2
    const pool = withPeriodicFlush(
      async () => {
        if (failures-- > 0) throw new Error('no credentials yet')
        return on.native()
      },
      { intervalMs: false },
    )
    await new Promise((resolve) => setImmediate(resolve))
    await expect(pool.query('select 1')).rejects.toThrow('no credentials yet')
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await pool.end()
  })
})
