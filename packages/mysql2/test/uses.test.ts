import { tracingChannel } from 'node:diagnostics_channel'
import type { Duplex } from 'node:stream'
import * as callback from 'mysql2'
import * as promise from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { called, eventually, running, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** What the documentation of mysql2 shows in more than one statement, on a bare pool and on one that is flushed. */

type Either = promise.Pool & { readonly $flush?: (options: { wait: 'swapped' }) => Promise<unknown> }

const flush = (pool: Either) => pool.$flush?.({ wait: 'swapped' })

describe.runIf(mariadbInstalled)('as documented,', () => {
  const on = stage('uses')

  /** Both say the same, the flushed one twice. */
  async function expectSame(
    use: (pool: Either) => Promise<unknown>,
    settings: callback.PoolOptions = {},
  ): Promise<unknown> {
    const native = promise.createPool({ uri: on.pair.url(), connectionLimit: 4, ...settings })
    const natively = await use(native)
    await native.end()
    const pool = on.promise(settings)
    for (let n = 0; n < 2; n++) {
      expect(await use(pool)).toEqual(natively)
      await flush(pool)
    }
    return natively
  }

  test('connections that idle beyond maxIdle go, in every generation', async () => {
    const pool = on.promise({ maxIdle: 1, connectionLimit: 3 })
    for (let n = 0; n < 2; n++) {
      await Promise.all([1, 2, 3].map(() => pool.query('select sleep(0.05)')))
      expect(await on.pair.blue.backends()).toHaveLength(3)
      await eventually(
        () => on.pair.blue.backends(),
        ({ length }) => length === 1,
      )
      // The server lets go of them first.
      await eventually(
        () => pool.$flusher.stats().connections,
        (count) => count === 1,
      )
      expect(pool.$flusher.stats().leases).toBe(0)
      await pool.$flush()
    }
  })

  test('connections that idle longer than idleTimeout go, in every generation', async () => {
    const pool = on.promise({ maxIdle: 2, connectionLimit: 3, idleTimeout: 1 })
    for (let n = 0; n < 2; n++) {
      await pool.query('select 1')
      await eventually(
        () => pool.$flusher.stats().connections,
        (count) => count === 0,
      )
      expect(pool.$flusher.stats()).toMatchObject({ leases: 0, generation: n + 1 })
      await pool.$flush()
    }
  })

  test('changeUser is for the connection that it is asked of alone', async () => {
    const database = (of: Pick<promise.Pool, 'query'>) => value(of, 'select database()')
    const told = await expectSame(async (pool) => {
      const [first, second] = await Promise.all([pool.getConnection(), pool.getConnection()])
      await first.changeUser({ database: 'test' })
      await flush(pool)
      const seen = [await database(first as never), await database(second as never)]
      for (const connection of [first, second]) connection.destroy()
      return [...seen, await database(pool)]
    })
    expect(told).toEqual(['test', 'app', 'app'])
  })

  test('a connection that is lost tells whoever asks it, with a callback or without', async () => {
    const lost = "Can't add new command when connection is in closed state"
    const told = await expectSame(async (pool) => {
      const connection = await pool.getConnection()
      const statement = await connection.prepare('select 1')
      const core = connection.connection as unknown as callback.PoolConnection & { readonly stream: Duplex }
      const closed = new Promise((resolve) => core.stream.once('close', resolve))
      await flush(pool)
      await on.pair.blue.query(`kill ${connection.threadId}`)
      await closed
      const asks = [() => core.query('select 1'), () => core.query('select 1').stream(), () => core.ping()]
      const thrown = asks.map((ask) => {
        try {
          return typeof ask()
        } catch (error) {
          return error
        }
      })
      const works = [connection.query('select 1'), connection.ping(), statement.close()]
      const rejected = (await Promise.allSettled<unknown>(works)).map((work) => 'reason' in work && work.reason)
      connection.release()
      return [...thrown, ...rejected]
    })
    expect(told).toMatchObject(Array.from({ length: 6 }, () => ({ message: lost, fatal: true })))
  })

  test('with gracefulEnd, end() closes a connection that was borrowed, in every generation', async () => {
    const told = await expectSame(
      async (pool) => {
        const connection = await pool.getConnection()
        const { threadId } = connection
        await flush(pool)
        await connection.end()
        await eventually(
          () => on.pair.blue.backends(),
          (backends) => backends.every(({ pid }) => pid !== threadId),
        )
        return value(pool, 'select 1')
      },
      { gracefulEnd: true },
    )
    expect(told).toBe(1)
  })

  test('with resetOnRelease nothing of a session is left to the next, in every generation', async () => {
    const told = await expectSame(
      async (pool) => {
        const first = await pool.getConnection()
        await first.query('set @secret = 1')
        await first.beginTransaction()
        await first.query('insert into numbers values (1)')
        first.release()
        const second = await pool.getConnection()
        const seen = [first.threadId === second.threadId, await value(second as never, 'select @secret')]
        second.release()
        return [...seen, await value(pool, 'select count(*) from numbers')]
      },
      { resetOnRelease: true, connectionLimit: 1 },
    )
    expect(told).toEqual([true, null, 0])
  })

  test('a connection whose reset fails is replaced', async () => {
    const told = await expectSame(
      async (pool) => {
        const connection = await pool.getConnection()
        const core = connection.connection as unknown as { reset(done: (error: Error) => void): void }
        core.reset = (done) => done(new Error('cannot be reset'))
        connection.release()
        const seen = await value(pool, 'select connection_id()')
        return [seen === connection.threadId, await value(pool, 'select 1')]
      },
      { resetOnRelease: true, connectionLimit: 1 },
    )
    expect(told).toEqual([false, 1])
  })

  describe('a connection that is released before it has answered, as the Quickstart does,', () => {
    /** Asks for a lock that another holds, and releases the connection at once. */
    const asking = async (pool: promise.Pool, lock: string) => {
      const holder = await promise.createConnection(on.pair.url())
      await holder.query('select get_lock(?, 20)', [lock])
      const connection = await pool.getConnection()
      const answer = value(connection as never, 'select get_lock(?, 20)', [lock])
      pool.releaseConnection(connection)
      return { answer, unlock: () => holder.end() }
    }

    test('answers, though the flush did not wait for it', async () => {
      const pool = on.promise({ connectionLimit: 2 })
      const { answer, unlock } = await asking(pool, 'kept')
      const report = await pool.$flush({ deadlineMs: 10, onDeadline: 'keep' })
      expect(report).toMatchObject({ drained: false, stragglers: [{ kind: 'reserved' }] })
      await unlock()
      expect(await answer).toBe(1)
      await eventually(
        () => pool.$flusher.stats(),
        ({ retiring, connections }) => retiring.length === 0 && connections === 1,
      )
    })

    test('is told of a cut', async () => {
      const pool = on.promise({ connectionLimit: 2 })
      const { answer, unlock } = await asking(pool, 'cut')
      const refused = expect(answer).rejects.toMatchObject({ code: 'CUT' })
      await expect(pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })).resolves.toMatchObject({ cut: 1 })
      await refused
      await unlock()
    })

    test.each([{ waitForConnections: false }, { queueLimit: 1 }])(
      'is free for the next one, whom %o lets wait for no busy one',
      async (settings) => {
        const told = await expectSame(
          async (pool) => {
            const { answer, unlock } = await asking(pool, 'next')
            const next = [1, 2, 3].map((n) => value(pool, 'select ?', [n]).catch((error: Error) => error.message))
            await flush(pool)
            await unlock()
            return [await answer, ...(await Promise.all(next))]
          },
          { connectionLimit: 1, ...settings },
        )
        const [second, third] =
          'queueLimit' in settings ? [2, 'Queue limit reached.'] : Array(2).fill('No connections available.')
        expect(told).toEqual([1, 1, second, third])
      },
    )

    test('is given back at once where it was asked nothing, be it in the middle of its handshake', async () => {
      const pool = on.callback({ connectionLimit: 1 })
      for (let n = 0; n < 3; n++) {
        const lent = called<callback.PoolConnection>((done) =>
          pool.getConnection((error, connection) => {
            connection.release()
            done(error, connection)
          }),
        )
        await lent
        expect(pool.$flusher.stats().leases).toBe(0)
        if (n > 0) await pool.$flush()
      }
    })

    test('is given back at the end of what failed, of what was lost, and of each who has asked', async () => {
      const pool = on.callback({ connectionLimit: 1 })
      const borrowed = () => called<callback.PoolConnection>((done) => pool.getConnection(done as never))
      for (const sql of ['select 1', 'selec']) {
        for (let n = 0; n < 2; n++) {
          const connection = await borrowed()
          await new Promise<void>((resolve) => {
            connection
              .query(sql)
              .on('error', () => {})
              .on('end', () => {
                connection.release()
                resolve()
              })
          })
          await pool.promise().query('select 1')
          expect(pool.$flusher.stats().leases).toBe(0)
          await pool.$flush()
        }
      }
      const lost = await borrowed()
      const failed = called((done) => lost.query('select sleep(65)', done as never)).catch(({ code }) => code)
      lost.release()
      expect(pool.$flusher.stats().leases).toBe(1)
      await eventually(() => on.pair.blue.backends(), running('sleep(65)'))
      await on.pair.blue.query(`kill ${lost.threadId}`)
      expect(await failed).toBe('PROTOCOL_CONNECTION_LOST')
      await pool.promise().query('select 1')
      expect(pool.$flusher.stats().leases).toBe(0)
    })
  })

  test('pools and connections dispose of themselves, in either flavour', async () => {
    const pool = on.promise()
    const connection = await pool.getConnection()
    await pool.$flush({ wait: 'swapped' })
    await connection[Symbol.asyncDispose]()
    expect(pool.$flusher.stats().leases).toBe(0)
    await pool[Symbol.asyncDispose]()
    await pool[Symbol.asyncDispose]()
    const other = on.callback()
    const lent = await called<callback.PoolConnection>((done) => other.getConnection(done as never))
    await other.$flush({ wait: 'swapped' })
    lent[Symbol.dispose]()
    expect(other.$flusher.stats().leases).toBe(0)
    other[Symbol.dispose]()
    other[Symbol.dispose]()
    await other.$flusher.close()
    for (const each of [pool, other]) expect(each.$flusher.stats().state).toBe('closed')
    expect(await on.pair.blue.backends()).toEqual([])
  })

  test('connection.promise() is a connection of the pool, and can be released', async () => {
    const pool = on.callback({ connectionLimit: 1 })
    for (let n = 0; n < 2; n++) {
      const connection = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
      const promised = connection.promise()
      expect(await value(promised as never, 'select 1')).toBe(1)
      await pool.$flush({ wait: 'swapped' })
      promised.release()
      expect(pool.$flusher.stats().leases).toBe(0)
    }
    const promisedPool = pool.promise()
    promisedPool.releaseConnection(await promisedPool.getConnection())
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('the tracing channels say what they say natively', async () => {
    const told = await expectSame(async (pool) => {
      const said = new Set<string>()
      const ends = ['query', 'execute', 'connect', 'pool:connect'].map((name) => {
        const tell = (context: object) => {
          const { error, result: _, ...rest } = context as { error?: { code: string }; result?: unknown }
          said.add(`${name} ${JSON.stringify({ ...rest, error: error?.code })}`)
        }
        const subscribers = { start: tell, end() {}, asyncStart() {}, asyncEnd() {}, error: tell }
        const channel = tracingChannel(`mysql2:${name}`)
        channel.subscribe(subscribers)
        return () => channel.unsubscribe(subscribers)
      })
      await pool.query('select ? as a', [1])
      await pool.execute('select ? as a', [2])
      await pool.query('select * from nothing').catch(() => {})
      // One that is fresh connects anew.
      const connections = await Promise.all([pool.getConnection(), pool.getConnection()])
      for (const connection of connections) connection.destroy()
      for (const end of ends) end()
      return [...said].sort()
    })
    expect(told).toHaveLength(6)
  })

  test('connectTimeout holds for a server that says nothing', async () => {
    const pool = on.promise({ connectTimeout: 100 })
    await on.pair.blue.freeze()
    try {
      for (let n = 0; n < 2; n++) await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED', cause: { code: 'ETIMEDOUT' } })
      expect(pool.$flusher.stats().leases).toBe(0)
    } finally {
      await on.pair.blue.thaw()
    }
    expect(await value(pool, 'select 1')).toBe(1)
  })

  test('the stack of an error tells who asked', async () => {
    const told = await expectSame(async (pool) => {
      const works = [pool.query('select * from nothing'), pool.execute('select * from nothing')]
      return Promise.all(works.map((work) => work.catch(({ stack }: Error) => stack?.includes('uses.test.ts'))))
    })
    expect(told).toEqual([true, true])
  })

  test('the events of a query come as natively', async () => {
    const eventsOf = (of: callback.Pool | callback.PoolConnection, sql: string) =>
      new Promise<unknown[]>((resolve) => {
        const events: unknown[] = []
        const query = of.query(sql)
        query.on('fields', (fields: { name: string }[] | undefined) =>
          events.push(['fields', fields?.map(({ name }) => name)]),
        )
        query.on('result', (row: object) => events.push(['result', 'affectedRows' in row ? 'header' : { ...row }]))
        query.on('error', ({ code }) => events.push(['error', code]))
        query.on('end', () => resolve(events))
      })
    const readOnly = 'start transaction read only; insert into numbers values (1)'
    const statements = [
      ...['select seq from seq_1_to_3', 'set @x = 1', 'select * from nothing', 'select 1; select 2 as b', readOnly],
    ]
    const settings = { multipleStatements: true }
    const native = callback.createPool({ uri: on.pair.url(), ...settings })
    const pool = on.callback(settings)
    for (const sql of statements) {
      const expected = await eventsOf(native, sql)
      const connection = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
      for (let n = 0; n < 2; n++) {
        expect(await eventsOf(pool, sql)).toEqual(expected)
        expect(await eventsOf(connection, sql)).toEqual(expected)
        await pool.$flush({ wait: 'swapped' })
      }
      connection.release()
    }
    expect(pool.$flusher.stats().leases).toBe(0)
    await called((done) => native.end(done))
  })

  test('a connection pauses and resumes, whatever is flushed meanwhile', async () => {
    const pool = on.callback()
    const connection = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
    const rows: unknown[] = []
    const ended = new Promise<void>((resolve) => {
      connection
        .query('select seq from seq_1_to_50')
        .on('result', (row) => {
          rows.push(row)
          if (rows.length % 10 !== 0) return
          connection.pause()
          pool.$flush({ wait: 'swapped' }).then(() => connection.resume())
        })
        .on('end', resolve)
    })
    await ended
    expect(rows).toHaveLength(50)
    expect(pool.$flusher.stats().flushes).toBeGreaterThan(0)
    connection.release()
  })

  test('a query that createQuery has made runs on a connection as natively', async () => {
    const pool = on.callback()
    const connection = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
    for (let n = 0; n < 2; n++) {
      const rows = await called((done) => {
        const query = Reflect.apply(callback.Connection.createQuery, undefined, ['select ? as a', [1], done, {}])
        Reflect.apply(connection.query, connection, [query])
      })
      expect(rows).toEqual([{ a: 1 }])
      await pool.$flush({ wait: 'swapped' })
    }
    connection.release()
  })
})
