import { gate } from '@periodic-flush/testing'
import pg, { type PoolClient } from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { describe, expect, test } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'
import { pidOf, reasonOf, stage, swapped, until } from './stage.ts'

const on = stage()

const cut = expect.objectContaining({ code: 'CUT', message: expect.stringContaining('outcome is unknown') })
const now = { deadlineMs: 0, onDeadline: 'cut' } as const

describe('connect', () => {
  test('gives a client that stays on its connection over flushes until its release', async () => {
    const pool = on.flushing()
    const client = await pool.connect()
    expect(client).toBeInstanceOf(pg.Client)
    await client.query('begin')
    const pid = await pidOf(client)
    await pool.$flush(swapped)
    await pool.$flush(swapped)
    expect(await pidOf(client)).toBe(pid)
    expect(await pidOf(pool)).not.toBe(pid)
    await until(() => pool.$flusher.stats().retiring.length === 1)
    expect(pool.$flusher.stats().retiring).toMatchObject([{ generation: 1, leases: 1 }])
    await client.query('commit')
    client.release()
    await until(() => pool.$flusher.stats().retiring.length === 0)
    expect((await on.server.backends()).map((backend) => backend.pid)).not.toContain(pid)
  })

  test('calls back with the client and done, which are released once', async () => {
    const pool = on.flushing({ max: 1 })
    const use = () =>
      new Promise<void>((resolve, reject) => {
        pool.connect((error, client, done) => {
          if (error || client === undefined) return reject(error)
          expect(done).toBe(client.release)
          done()
          expect(() => done()).toThrow('Release called on client which has already been released to the pool.')
          resolve()
        })
      })
    await use()
    await use()
    expect(pool.$flusher.stats().leases).toBe(0)
    expect(pool.idleCount).toBe(1)
  })

  test.each([true, new Error('broken')])(
    'a client released with %s is closed, and its lease given back',
    async (how) => {
      const pool = on.flushing()
      const client = await pool.connect()
      const pid = await pidOf(client)
      client.release(how)
      expect(pool).toMatchObject({ totalCount: 0, idleCount: 0 })
      expect(pool.$flusher.stats().leases).toBe(0)
      expect(await pidOf(pool)).not.toBe(pid)
    },
  )

  test('leaves a client as it was before, so that nothing grows with its uses', async () => {
    const pool = on.flushing({ max: 1 })
    const client = await pool.connect()
    client.release()
    expect(client.query).toBe(pg.Client.prototype.query)
    expect(await pool.connect()).toBe(client)
    client.release()
  })

  test.each(['when it connects', 'while it is checked out'])(
    'a `query` that is put on a client %s stays there for as long as the client, as natively',
    async (when) => {
      const heard = async (pool: pg.Pool) => {
        const texts: unknown[] = []
        const listen = (client: PoolClient) => {
          const { query } = client
          client.query = ((...args: never[]) => {
            texts.push(args[0])
            return Reflect.apply(query, client, args)
          }) as never
        }
        if (when === 'when it connects') pool.on('connect', listen)
        for (const text of ['select 1', 'select 2', 'select 3']) {
          const client = await pool.connect()
          if (when !== 'when it connects' && text === 'select 1') listen(client)
          await client.query(text)
          client.release()
        }
        await pool.query('select 4')
        return texts
      }
      const expected = await heard(on.native({ max: 1 }))
      expect(expected).toEqual(['select 1', 'select 2', 'select 3', 'select 4'])
      expect(await heard(on.flushing({ max: 1 }))).toEqual(expected)
    },
  )

  test('a `query` that is put back on a client only after its release is no longer one than before', async () => {
    const pool = on.flushing({ max: 1 })
    const seen = new Set<unknown>()
    for (let use = 1; use <= 3; use++) {
      const client = await pool.connect()
      const { query } = client
      seen.add(query)
      client.release()
      client.query = query
    }
    expect(seen.size).toBe(1)
  })

  test('waits no longer than connectionTimeoutMillis, and says so in pg’s own words', async () => {
    const config = { max: 1, connectionTimeoutMillis: 1_000 }
    const native = on.native(config)
    const pool = on.flushing(config)
    const held = [await native.connect(), await pool.connect()]
    for (const use of [(of: pg.Pool) => of.connect(), (of: pg.Pool) => of.query('select 1')]) {
      const expected = await reasonOf(use(native))
      expect(expected).toBeInstanceOf(Error)
      expect(await reasonOf(use(pool))).toEqual(expected)
    }
    expect(pool.waitingCount).toBe(0)
    for (const client of held) client.release()
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  })

  test.each(['20', -5, 2 ** 31])(
    'connectionTimeoutMillis of %j is what a timer of Node makes of it, as natively',
    async (given) => {
      const pools = [on.native({ max: 1 }), on.flushing({ max: 1 })]
      const held = await Promise.all(pools.map((pool) => pool.connect()))
      for (const { options } of pools) options.connectionTimeoutMillis = given as number
      const [expected, reason] = await Promise.all(pools.map((pool) => reasonOf(pool.connect())))
      expect(expected).toBeInstanceOf(Error)
      expect(reason).toEqual(expected)
      for (const client of held) client.release()
    },
  )

  test('a connection that cannot be made fails its caller as natively, and gives its lease back', async () => {
    const nowhere = { connectionString: 'postgres://nobody@127.0.0.1:1/none' }
    const expected = await reasonOf(on.native(nowhere).connect())
    const pool = on.flushing(nowhere)
    expect(await reasonOf(pool.connect())).toMatchObject({ ...(expected as object) })
    expect(await reasonOf(pool.query('select 1'))).toMatchObject({ code: 'ECONNREFUSED' })
    expect(pool.$flusher.stats().leases).toBe(0)
  })
})

describe('a client that cannot even be made', () => {
  /** As where a certificate that the connection string names is being replaced. */
  function sometimes(config: pg.PoolConfig) {
    const state = { missing: true }
    class Unmade extends pg.Client {
      constructor(given?: pg.ClientConfig) {
        if (state.missing) throw new Error('no such certificate')
        super(given)
      }
    }
    return { state, pool: on.flushing({ ...config, Client: Unmade }) }
  }

  test('fails whoever wants it, in each form, and gives the lease back', async () => {
    const { state, pool } = sometimes({ max: 1 })
    const why = { message: 'no such certificate' }
    expect(await reasonOf(pool.query('select 1'))).toMatchObject(why)
    expect(await reasonOf(pool.connect())).toMatchObject(why)
    expect(await reasonOf(pool.query(new Cursor('select 1')).read(1))).toMatchObject(why)
    expect(await new Promise((resolve) => pool.query('select 1', resolve))).toMatchObject(why)
    expect(await new Promise((resolve) => pool.connect((error) => resolve(error)))).toMatchObject(why)
    expect(pool.$flusher.stats().leases).toBe(0)
    state.missing = false
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  })

  test('fails those who wait too, and none of them waits for ever', async () => {
    const { state, pool } = sometimes({ max: 1 })
    state.missing = false
    const held = await pool.connect()
    state.missing = true
    const waiting = [pool.query('select 1'), pool.connect()].map((asked) => reasonOf(asked))
    expect(pool.waitingCount).toBe(2)
    held.release(true)
    for (const reason of await Promise.all(waiting)) expect(reason).toMatchObject({ message: 'no such certificate' })
    expect(pool.waitingCount).toBe(0)
    expect(pool.$flusher.stats().leases).toBe(0)
    await pool.end()
  })
})

describe('a cut', () => {
  test('rejects what is pending on a client that is checked out, and whatever it is asked later', async () => {
    const pool = on.flushing()
    const client = await pool.connect()
    const errors: Error[] = []
    client.on('error', (error) => errors.push(error))
    await client.query('begin')
    const pending = [client.query('select pg_sleep(60)'), client.query('select 2')].map(reasonOf)
    const report = await pool.$flush(now)
    expect(report).toMatchObject({ cut: 1, drained: true, stragglers: [{ kind: 'transaction' }] })
    expect(await Promise.all(pending)).toEqual([cut, cut])
    expect(errors).toEqual([cut])
    expect(await reasonOf(client.query('rollback'))).toEqual(cut)
    expect(await new Promise((resolve) => client.query('rollback', resolve))).toEqual(cut)
    expect(await reasonOf(client.query(new Cursor('select 1')).read(1))).toEqual(cut)
    client.release()
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await until(() => pool.totalCount === 1)
  })

  test('is told to each form of a query that takes a callback, later and once', async () => {
    const pool = on.flushing()
    const client = await pool.connect()
    await pool.$flush(now)
    const asked: ((callback: (error: Error) => void) => unknown)[] = [
      (callback) => client.query('select 1', callback),
      (callback) => client.query('select $1', [1], callback),
      (callback) => client.query({ text: 'select 1' }, callback),
      // Not in the types, but pg takes it there too.
      (callback) => client.query({ text: 'select 1', callback } as pg.QueryConfig),
      (callback) => client.query(new pg.Query('select 1', callback as never)),
      (callback) => Reflect.apply(client.query, client, [new pg.Query('select 1', callback as never), () => {}]),
      (callback) => Reflect.apply(client.query, client, [new pg.Query('select 1'), callback]),
      (callback) => Reflect.apply(client.query, client, [new pg.Query('select 1'), [], callback]),
      (callback) => Reflect.apply(client.query, client, [new Cursor('select 1'), callback]),
      (callback) => Reflect.apply(client.query, client, [new QueryStream('select 1').on('error', () => {}), callback]),
    ]
    for (const ask of asked) {
      const calls: unknown[] = []
      let called: number | undefined
      await new Promise<void>((resolve) => {
        ask((error) => {
          calls.push(error)
          resolve()
        })
        called = calls.length
      })
      // As pg, which never calls back within the call.
      expect(called).toBe(0)
      await new Promise((resolve) => setImmediate(resolve))
      expect(calls).toEqual([cut])
    }
    client.release()
  })

  test('of a client is not undone by whoever released it before, and does so again', async () => {
    const pool = on.flushing({ max: 1 })
    const before = await pool.connect()
    const { release } = before
    release()
    const client = await pool.connect()
    expect(client).toBe(before)
    const ended = new Promise<void>((resolve) => client.once('end', resolve))
    await pool.$flush(now)
    await ended
    expect(() => release()).toThrow('already been released')
    expect(await reasonOf(client.query('select 1'))).toEqual(cut)
    client.release()
  })

  test('leaves nothing that could end the process where nobody listens', async () => {
    const pool = on.flushing()
    const [client] = await Promise.all([pool.connect(), pool.query('select 1')])
    await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 1, stragglers: [{ kind: 'reserved' }] })
    expect(await reasonOf(client.query('select 1'))).toEqual(cut)
    client.release()
  })

  test('rejects queries and cursors that run on the pool itself', async () => {
    const pool = on.flushing()
    const query = reasonOf(pool.query('select pg_sleep(61)'))
    const cursor = pool.query(new Cursor('select pg_sleep(61)'))
    const read = reasonOf(cursor.read(1))
    await until(
      async () => (await on.server.backends()).filter(({ query }) => query.includes('pg_sleep(61)')).length === 2,
    )
    await expect(pool.$flush(now)).resolves.toMatchObject({
      cut: 2,
      stragglers: [{ kind: 'query' }, { kind: 'cursor' }],
    })
    expect(await Promise.all([query, read])).toEqual([cut, cut])
    expect(await reasonOf(cursor.read(1))).toEqual(cut)
  })

  test('rejects those whose connection is still being made', async () => {
    await using silent = await gate(on.server)
    await silent.hang()
    let port = silent.port
    const url = new URL(on.server.url())
    const pool = withPeriodicFlush(
      () => {
        url.port = String(port)
        return new pg.Pool({ connectionString: url.href })
      },
      { intervalMs: false },
    )
    const client = reasonOf(pool.connect())
    const query = reasonOf(pool.query('select 1'))
    const read = reasonOf(pool.query(new Cursor('select 1')).read(1))
    port = on.server.port
    await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 3 })
    expect(await Promise.all([client, query, read])).toEqual([cut, cut, cut])
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await pool.end()
  })
})

describe('events', () => {
  const names = ['connect', 'acquire', 'release', 'remove'] as const

  test('of every generation reach the listeners, once each', async () => {
    const pool = on.flushing({ max: 1 })
    const seen: string[] = []
    for (const name of names) pool.on(name as 'connect', () => seen.push(name))
    await pool.query('select 1')
    expect(seen.splice(0)).toEqual(['connect', 'acquire', 'release'])
    await pool.query('select 1')
    expect(seen.splice(0)).toEqual(['acquire', 'release'])
    await pool.$flush()
    // The check of the fresh pool, and the end of the old one.
    expect(seen.splice(0)).toEqual(['connect', 'acquire', 'release', 'remove'])
    await pool.query('select 1')
    expect(seen.splice(0)).toEqual(['acquire', 'release'])
  })

  test('set sessions up in `connect`, for every connection of every generation', async () => {
    const pool = on.flushing({ max: 2 })
    const setUp = (client: PoolClient) => void client.query(`set application_name to 'mine'`)
    pool.on('connect', setUp)
    for (const _ of [1, 2]) {
      const { rows } = await pool.query(`select current_setting('application_name') as name`)
      expect(rows).toEqual([{ name: 'mine' }])
      await pool.$flush()
    }
    pool.removeListener('connect', setUp)
    expect(pool.listenerCount('connect')).toBe(0)
  })

  test('`once`, `off` and `addListener` are an emitter’s own', async () => {
    const pool = on.flushing({ max: 1 })
    const seen: string[] = []
    const never = () => seen.push('never')
    pool.on('acquire', never).off('acquire', never)
    pool.once('acquire', () => seen.push('once'))
    pool.addListener('acquire', () => seen.push('always'))
    await pool.query('select 1')
    await pool.query('select 1')
    expect(seen).toEqual(['once', 'always', 'always'])
  })

  test('an idle connection that is lost is told with its client; with no listener it does not end the process', async () => {
    const pool = on.flushing({ max: 1 })
    await pool.query('select 1')
    await on.server.killBackends()
    await until(() => pool.totalCount === 0)
    const lost = new Promise<unknown[]>((resolve) => pool.on('error', (...args) => resolve(args)))
    await pool.query('select 1')
    await on.server.killBackends()
    expect(await lost).toEqual([expect.objectContaining({ code: '57P01' }), expect.any(pg.Client)])
  })
})
