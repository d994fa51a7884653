import { AsyncLocalStorage } from 'node:async_hooks'
import { Socket } from 'node:net'
import type { Trigger } from '@periodic-flush/core'
import { gate } from '@periodic-flush/testing'
import pg, { type Pool, type PoolClient, type PoolConfig } from 'pg'
import Cursor from 'pg-cursor'
import { describe, expect, test } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'
import { pidOf, reasonOf, stage, swapped, until } from './stage.ts'

/** What the documentation of node-postgres says beside the members of a pool: options, events, ways of use. */

const on = stage()

const now = { deadlineMs: 0, onDeadline: 'cut' } as const

describe('what is documented holds in every generation:', () => {
  test('`release` tells of the error that a client was released with, and of the client', async () => {
    const told = async (pool: Pool, between: () => Promise<unknown>) => {
      const heard: unknown[] = []
      pool.on('release', (error, client) => heard.push([error, client instanceof pg.Client]))
      for (const how of [undefined, new Error('broken'), true]) {
        ;(await pool.connect()).release(how)
        await between()
      }
      return heard
    }
    const native = await told(on.native(), async () => {})
    const pool = on.flushing()
    const heard = await told(pool, () => pool.$flush())
    // The check of each fresh pool is a release too.
    expect(heard.filter((_, index) => index % 2 === 0)).toEqual(native)
  })

  test('an onConnect that fails fails whoever waits for the connection, with its error', async () => {
    const broken = { onConnect: () => Promise.reject(new Error('no such schema')) } as PoolConfig
    const pool = on.flushing(broken)
    for (const use of [(of: Pool) => of.connect(), (of: Pool) => of.query('select 1')]) {
      const expected = await reasonOf(use(on.native(broken)))
      expect(expected).toMatchObject({ message: 'no such schema' })
      expect(await reasonOf(use(pool))).toEqual(expected)
    }
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED', cause: { message: 'no such schema' } })
    expect(pool.$flusher.stats().leases).toBe(0)
    expect(await on.server.backends()).toEqual([])
  })

  test('pipelined queries of a client are answered in order, each with its own error, and are cut together', async () => {
    const pool = on.flushing({ pipeline: true } as PoolConfig)
    for (let generation = 1; generation <= 2; generation++) {
      const client = await pool.connect()
      const texts = ['select 1 as n', 'select invalid syntax', 'select 3 as n']
      const queries = Promise.allSettled(texts.map((text) => client.query(text)))
      await pool.$flush(swapped)
      expect(await queries).toMatchObject([
        { status: 'fulfilled', value: { rows: [{ n: 1 }] } },
        { status: 'rejected', reason: { code: '42703' } },
        { status: 'fulfilled', value: { rows: [{ n: 3 }] } },
      ])
      client.release()
    }
    const client = await pool.connect()
    const pending = ['select pg_sleep(60)', 'select 2', 'select 3'].map((text) => reasonOf(client.query(text)))
    await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 1 })
    for (const reason of await Promise.all(pending)) expect(reason).toMatchObject({ code: 'CUT' })
    client.release()
  })

  test.each([
    ['at once', (password: string) => password],
    ['later', (password: string) => Promise.resolve(password)],
  ])('a password function that answers %s is asked for each connection', async (_, answer) => {
    const { hostname, port, username, password } = new URL(on.server.url())
    let asked = 0
    const given = () => {
      asked++
      return answer(decodeURIComponent(password))
    }
    const parts = {
      connectionString: undefined,
      host: hostname,
      port: Number(port),
      user: username,
      database: 'postgres',
    }
    const pool = on.flushing({ ...parts, password: given as () => string })
    await pool.query('select 1')
    expect(asked).toBe(1)
    await pool.$flush()
    expect(asked).toBe(2)
    await pool.query('select 1')
    expect(asked).toBe(2)
  })

  test('a stream of one’s own carries each connection, and is counted', async () => {
    const made: Socket[] = []
    const told: unknown[] = []
    const stream = (config: unknown) => {
      told.push(config)
      const socket = new Socket()
      made.push(socket)
      return socket
    }
    const pool = on.flushing({ stream } as unknown as PoolConfig)
    await pool.query('select 1')
    expect(made).toHaveLength(1)
    expect(told).toMatchObject([{ ssl: false, keepAlive: false }])
    expect(pool.$flusher.stats()).toMatchObject({ connections: 1, peers: [`${on.server.host}:${on.server.port}`] })
    await pool.$flush()
    expect(made.map(({ destroyed }) => destroyed)).toEqual([true, false])
  })

  test('a stream of one’s own that is made already carries the one connection that it can', async () => {
    const stream = new Socket()
    const pool = on.flushing({ max: 1, stream } as unknown as PoolConfig)
    await pool.query('select 1')
    expect(stream.remotePort).toBe(on.server.port)
    expect(pool.$flusher.stats()).toMatchObject({ connections: 1, peers: [`${on.server.host}:${on.server.port}`] })
  })

  test('a query that outlives query_timeout fails as natively, and its connection goes', async () => {
    const config = { max: 1, query_timeout: 100 }
    const slow = 'select pg_sleep(60)'
    const expected = await reasonOf(on.native(config).query(slow))
    expect(expected).toMatchObject({ message: 'Query read timeout' })
    const pool = on.flushing({ ...config, application_name: 'impatient' })
    for (let generation = 1; generation <= 2; generation++) {
      expect(await reasonOf(pool.query(slow))).toEqual(expected)
      expect(pool).toMatchObject({ totalCount: 0 })
      await pool.$flush()
    }
    await on.server.killBackends()
  })

  test('`min` keeps idle clients of the pool that serves, and none of one that was replaced', async () => {
    const pool = on.flushing({ min: 2, max: 3, idleTimeoutMillis: 20 })
    const backends = async () => (await on.server.backends()).length
    await Promise.all([1, 2, 3].map(() => pool.query('select pg_sleep(0.05)')))
    await until(async () => (await backends()) === 2)
    await pool.$flush()
    await until(() => pool.totalCount === 2)
    expect(await backends()).toBe(2)
  })

  test('a client whose members were replaced, and put back at its release, as the guide does it', async () => {
    const pool = on.flushing({ max: 1 })
    const guarded = async (): Promise<PoolClient & { lastQuery?: unknown }> => {
      const client: PoolClient & { lastQuery?: unknown } = await pool.connect()
      const { query, release } = client
      client.query = ((...args: never[]) => {
        client.lastQuery = args
        return Reflect.apply(query, client, args)
      }) as never
      client.release = () => {
        client.query = query
        client.release = release
        return Reflect.apply(release, client, [])
      }
      return client
    }
    for (let use = 1; use <= 3; use++) {
      const client = await guarded()
      await client.query('select 1')
      expect(client.lastQuery).toEqual(['select 1'])
      if (use === 2) await pool.$flush(swapped)
      client.release()
    }
    await until(() => pool.$flusher.stats().retiring.length === 0)
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('a `query` that a class of one’s own has replaced, and that knows promises only', async () => {
    const heard: unknown[] = []
    class Timed extends pg.Pool {
      override query(...args: unknown[]): never {
        return Reflect.apply(super.query, this, args).finally(() => heard.push(args[0])) as never
      }
    }
    const pool = withPeriodicFlush(() => new Timed({ connectionString: on.server.url(), max: 1 }), {
      intervalMs: false,
    })
    for (let generation = 1; generation <= 2; generation++) {
      expect(await pool.query('select $1::int as n', [generation])).toMatchObject({ rows: [{ n: generation }] })
      expect(await reasonOf(pool.query('select 1 / 0'))).toMatchObject({ code: '22012' })
      expect(await new Promise((resolve) => pool.query('select 2 / 0', resolve))).toMatchObject({ code: '22012' })
      expect(heard.splice(0)).toEqual(['select $1::int as n', 'select 1 / 0', 'select 2 / 0'])
      expect(pool.$flusher.stats()).toMatchObject({ generation, leases: 0 })
      await pool.$flush()
    }
    await pool.end()
  })

  test('a `connect` that a class of one’s own has replaced, and that knows promises only', async () => {
    class SetUp extends pg.Pool {
      // Natively, `query` waits for ever then.
      override async connect(): Promise<never> {
        const client = await super.connect()
        await client.query(`set application_name to 'ours'`)
        return client as never
      }
    }
    const given = { connectionString: on.server.url(), max: 1 }
    const pool = withPeriodicFlush(() => new SetUp(given), { intervalMs: false })
    for (let generation = 1; generation <= 2; generation++) {
      const client = await pool.connect()
      const { rows } = await client.query(`select current_setting('application_name') as name`)
      expect(rows).toEqual([{ name: 'ours' }])
      client.release()
      expect(pool.$flusher.stats()).toMatchObject({ generation, leases: 0 })
      await pool.$flush()
    }
    given.connectionString = 'postgres://nobody@127.0.0.1:1/none'
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED', cause: { code: 'ECONNREFUSED' } })
    await pool.end()
    const nowhere = withPeriodicFlush(() => new SetUp(given), { intervalMs: false })
    expect(await reasonOf(nowhere.connect())).toMatchObject({ code: 'ECONNREFUSED' })
    expect(nowhere.$flusher.stats().leases).toBe(0)
    await nowhere.end()
  })

  test('a `connect` listener runs in the context of whoever wanted the connection: of nobody for a timed flush', async () => {
    const storage = new AsyncLocalStorage<string>()
    const pool = on.flushing({ max: 1 }, { intervalMs: 20, jitter: 0 })
    const seen: unknown[] = []
    pool.on('connect', () => seen.push(storage.getStore()))
    await storage.run('the first request', () => pool.query('select 1'))
    while (seen.length < 4) await pool.query('select 1')
    expect(seen.filter((store) => store !== undefined)).toEqual(['the first request'])
  })

  test('counts are those of a native pool within the call that asks', async () => {
    const figures = ({ totalCount, idleCount, waitingCount }: Pool) => ({ totalCount, idleCount, waitingCount })
    const [native, pool] = [on.native({ max: 1 }), on.flushing({ max: 1 })]
    const seen = [native, pool].map(async (of) => {
      await of.query('select 1')
      const asked = [of.query('select 1'), of.query('select 2')]
      const during = figures(of)
      await Promise.all(asked)
      return during
    })
    const [expected, found] = await Promise.all(seen)
    expect(found).toEqual(expected)
  })
})

describe('a client', () => {
  test('in a transaction that has failed is reported as a transaction', async () => {
    const pool = on.flushing()
    const client = await pool.connect()
    await client.query('begin')
    await reasonOf(client.query('select 1 / 0'))
    const report = await pool.$flush({ deadlineMs: 0, onDeadline: 'keep' })
    expect(report).toMatchObject({ drained: false, stragglers: [{ kind: 'transaction' }] })
    client.release()
  })

  test('that connects after it was cut is told to nobody, and is not kept', async () => {
    const verifications: (() => void)[] = []
    const verify = (_: PoolClient, done: () => void) => verifications.push(done)
    const pool = on.flushing({ verify } as PoolConfig)
    const told: unknown[] = []
    pool.connect((error) => told.push(error))
    await until(() => verifications.length === 1)
    const flushed = pool.$flush(now)
    await until(() => verifications.length === 2)
    verifications[1]?.()
    await flushed
    expect(pool.totalCount).toBe(2)
    verifications[0]?.()
    // At once: by and by the idle one of the fresh pool goes too.
    expect(pool.totalCount).toBe(1)
    expect(told).toEqual([expect.objectContaining({ code: 'CUT' })])
  })

  test('that was cut calls back later, as it always does, and once', async () => {
    const pool = on.flushing()
    const client = await pool.connect()
    const calls: unknown[] = []
    pool.query('select pg_sleep(62)', (error) => calls.push(error))
    await until(async () => (await on.server.backends()).some(({ query }) => query.includes('pg_sleep(62)')))
    await pool.$flush(now)
    const late = new Promise((resolve) => client.query('select 1', (error: Error) => resolve(calls.push(error))))
    expect(calls).toHaveLength(1)
    await late
    client.release()
    await until(() => pool.totalCount === pool.idleCount)
    expect(calls).toEqual([expect.objectContaining({ code: 'CUT' }), expect.objectContaining({ code: 'CUT' })])
  })
})

describe('end', () => {
  test('waits for what runs, for as long as it runs', async () => {
    const pool = on.flushing({}, { deadlineMs: 20 })
    const client = await pool.connect()
    const ended = pool.end()
    await client.query('select pg_sleep(0.2)')
    client.release()
    await ended
    expect(pool.options).toMatchObject({ max: 3 })
  })

  test('refuses a cursor with its callback too', async () => {
    const pool = on.flushing()
    await pool.end()
    const cursor = new Cursor('select 1')
    const told = new Promise((resolve) => Reflect.apply(pool.query, pool, [cursor, resolve]))
    expect(await told).toMatchObject({ message: 'Cannot use a pool after calling end on the pool' })
  })
})

describe('what fails on a client', () => {
  function watched(config: PoolConfig = {}): { pool: Pool; heard: string[] } {
    const heard: string[] = []
    const trigger: Trigger = { name: 'listener', start: ({ onSuspicion }) => onSuspicion((what) => heard.push(what)) }
    return { pool: on.flushing(config, { triggers: [trigger] }), heard }
  }

  test('is heard by triggers where it cannot connect', async () => {
    const nowhere = { connectionString: 'postgres://nobody@127.0.0.1:1/none' }
    for (const use of [(of: Pool) => of.connect(), (of: Pool) => of.query('select 1')]) {
      const { pool, heard } = watched(nowhere)
      await reasonOf(use(pool))
      expect(heard).toEqual(['lost'])
    }
  })

  test('is heard by triggers though only its owner hears of it otherwise', async () => {
    const { pool, heard } = watched({ options: '-c default_transaction_read_only=on' })
    const client = await pool.connect()
    await reasonOf(client.query('create table never (n int)'))
    expect(heard).toEqual(['read-only'])
    client.release()
  })

  test('is heard by triggers when its connection is lost without a word', async () => {
    await using between = await gate(on.server)
    const url = new URL(on.server.url())
    url.port = String(between.port)
    const { pool, heard } = watched({ connectionString: url.href })
    const client = await pool.connect()
    client.on('error', () => {})
    await between.reset()
    await until(() => heard.length > 0)
    expect(new Set(heard)).toEqual(new Set(['lost']))
    client.release()
  })
})

test('what an old pool says in its end reaches nobody', async () => {
  const made: Pool[] = []
  const pool = withPeriodicFlush(
    () => {
      const each = on.native()
      made.push(each)
      return each
    },
    { intervalMs: false },
  )
  const heard: unknown[] = []
  pool.on('error', (error) => heard.push(error))
  const pid = await pidOf(pool)
  await pool.$flush()
  expect(await pidOf(pool)).not.toBe(pid)
  for (const each of made) each.emit('error', new Error(each.ending ? 'late' : 'now'), new pg.Client() as PoolClient)
  expect(heard).toEqual([expect.objectContaining({ message: 'now' })])
  await pool.end()
})
