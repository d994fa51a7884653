import { tracingChannel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import * as callback from 'mysql2'
import * as promise from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { mysql2Driver, suspect } from '../src/driver.ts'
import { withPeriodicFlush } from '../src/index.ts'
import { type Connection, type NativePool, nativeOf } from '../src/native.ts'
import { OpenedPool } from '../src/opened-pool.ts'
import { called, eventually, running, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** What the documentation of mysql2 says beside the members of a pool: options, channels, ways of use. */

const now = { deadlineMs: 0, onDeadline: 'cut' } as const

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

describe.runIf(mariadbInstalled)('what is documented holds in every generation:', () => {
  const on = stage('documented')

  test('several statements, nested tables, dates, numbers and local files come as natively', async () => {
    const settings = { multipleStatements: true, dateStrings: true, decimalNumbers: true, supportBigNumbers: true }
    const uses: ((of: promise.Pool) => Promise<unknown>)[] = [
      async (of) => (await of.query('select 1 as a; select 2 as b'))[0],
      async (of) => (await of.query({ sql: 'select n from numbers', nestTables: true }))[0],
      async (of) => (await of.query('select cast(1.5 as decimal(3,1)) as d, timestamp("2024-02-03 04:05:06") as t'))[0],
      async (of) => {
        const sql = "load data local infile 'numbers' into table numbers"
        const [{ affectedRows }] = await of.query<promise.ResultSetHeader>({
          sql,
          infileStreamFactory: () => Readable.from([Buffer.from('1\n2\n3\n')]),
        } as promise.QueryOptions)
        await of.query('delete from numbers')
        return affectedRows
      },
    ]
    const native = promise.createPool({ uri: on.pair.url(), ...settings })
    const pool = on.promise(settings)
    await on.pair.query('set global local_infile = 1')
    for (const use of uses) {
      const expected = await use(native)
      for (let n = 0; n < 2; n++) {
        expect(await use(pool)).toEqual(expected)
        await pool.$flush()
      }
    }
    await native.end()
  })

  test('the tracing channels tell of each statement and each checkout once', async () => {
    const counts: Record<string, number> = {}
    const count = (name: string) => {
      counts[name] = (counts[name] ?? 0) + 1
    }
    const channels = ['mysql2:query', 'mysql2:execute', 'mysql2:pool:connect'].map((name) => {
      const subscribers = { start: () => count(name), end() {}, asyncStart() {}, asyncEnd() {}, error() {} }
      const channel = tracingChannel(name)
      channel.subscribe(subscribers)
      return () => channel.unsubscribe(subscribers)
    })
    const traced = async (of: promise.Pool) => {
      await of.query('select 1')
      await of.execute('select ?', [1])
      const connection = await of.getConnection()
      await connection.query('select 2')
      connection.release()
      const seen = { ...counts }
      for (const name of Object.keys(counts)) delete counts[name]
      return seen
    }
    const native = promise.createPool(on.pair.url())
    const expected = await traced(native)
    const pool = on.promise()
    for (let n = 0; n < 2; n++) {
      expect(await traced(pool)).toEqual(expected)
      await pool.$flush()
      for (const name of Object.keys(counts)) delete counts[name]
    }
    for (const end of channels) end()
    await native.end()
  })

  test('a pool without a limit has none, and lets nobody fail who waits for a flush', async () => {
    const pool = on.promise({ connectionLimit: 0, waitForConnections: false })
    await Promise.all(Array.from({ length: 12 }, () => pool.query('select sleep(0.05)')))
    expect(pool.$flusher.stats()).toMatchObject({ limit: undefined, connections: 12 })
    pool.$flusher.distrust('for the test')
    expect(await value(pool, 'select 1')).toBe(1)
    expect(pool.$flusher.stats().generation).toBe(2)
  })

  test('who may not wait does not, though it is an old generation that holds the connections', async () => {
    const pool = on.promise({ connectionLimit: 2, waitForConnections: false })
    const old = await Promise.all([pool.getConnection(), pool.getConnection()])
    await pool.$flush({ wait: 'swapped' })
    const fresh = await pool.getConnection()
    await expect(pool.query('select 1')).rejects.toThrow('No connections available.')
    for (const connection of [...old, fresh]) connection.release()
  })

  test('a connection that is being reset is waited for, also by those who may not wait for busy ones', async () => {
    const pool = on.promise({ connectionLimit: 1, resetOnRelease: true, waitForConnections: false })
    for (let n = 0; n < 10; n++) expect(await value(pool, 'select ?', [n])).toBe(n)
    const queueing = on.promise({ connectionLimit: 2, resetOnRelease: true, queueLimit: 1 })
    const held = await Promise.all([queueing.getConnection(), queueing.getConnection()])
    for (const connection of held) connection.release()
    expect(await Promise.all([1, 2].map((n) => value(queueing, 'select ?', [n])))).toEqual([1, 2])
  })

  test.each<[string, callback.PoolOptions]>([
    ['a typeCast', { typeCast: () => 'nonsense' }],
    ['no typeCast', { typeCast: false }],
    ['nestTables', { nestTables: true }],
    ['nestTables with a separator', { nestTables: '_' }],
    ['disableEval', { disableEval: true, nestTables: true }],
    ['namedPlaceholders', { namedPlaceholders: true }],
  ])('%s of one’s own disturbs no question of ours', async (_, settings) => {
    const pool = on.promise(settings, { require: 'writable' })
    await expect(pool.$flush()).resolves.toMatchObject({ checked: true })
  })

  test('a Promise of one’s own is what members return', async () => {
    class OwnPromise<T> extends Promise<T> {}
    const pool = on.promise({ Promise: OwnPromise } as never)
    const asked = pool.query('select 1')
    const other = on.callback().promise(OwnPromise).query('select 1')
    for (const each of [asked, other]) expect(each).toBeInstanceOf(OwnPromise)
    await Promise.all([asked, other])
  })

  test('a stream of one’s own carries each connection, and is counted', async () => {
    const made: Socket[] = []
    const stream = () => {
      const socket = new Socket().connect(on.pair.port, on.pair.blue.host)
      made.push(socket)
      return socket
    }
    const pool = on.promise({ stream } as never)
    await pool.query('select 1')
    expect(made).toHaveLength(1)
    expect(pool.$flusher.stats()).toMatchObject({ connections: 1, peers: [`127.0.0.1:${on.pair.port}`] })
    await pool.$flush()
    expect(made.map(({ destroyed }) => destroyed)).toEqual([true, false])
  })

  test('one stream of one’s own carries the one connection of its pool', async () => {
    const made: Socket[] = []
    const factory = () => {
      const stream = new Socket().connect(on.pair.port, on.pair.blue.host)
      made.push(stream)
      return promise.createPool({ uri: on.pair.url(), connectionLimit: 1, stream })
    }
    const pool = on.closing(withPeriodicFlush(factory, { intervalMs: false }))
    for (const socket of [0, 1]) {
      const port = await value(
        pool,
        "select substring_index(host, ':', -1) from information_schema.processlist where id = connection_id()",
      )
      expect(port).toBe(`${made[socket]?.localPort}`)
      expect(pool.$flusher.stats().connections).toBe(1)
      await pool.$flush()
    }
    expect(made.map(({ destroyed }) => destroyed)).toEqual([true, true, false])
  })

  test.each([{ enableKeepAlive: false }, { enableKeepAlive: true, keepAliveInitialDelay: 1_234 }])(
    'sockets are set up as natively with %o',
    async (settings) => {
      const seen = async (of: promise.Pool) => {
        const spies = (['setNoDelay', 'setKeepAlive'] as const).map((name) => vi.spyOn(Socket.prototype, name))
        await of.query('select 1')
        return spies.map((spy) => {
          const calls = [...spy.mock.calls]
          spy.mockRestore()
          return calls
        })
      }
      const native = promise.createPool({ uri: on.pair.url(), ...settings })
      const expected = await seen(native)
      expect(await seen(on.promise(settings))).toEqual(expected)
      await native.end()
    },
  )

  test('no timer is left of pools that look for idle connections: neither after a flush, a cut nor the end', async () => {
    const before = timers()
    const pool = on.promise({ connectionLimit: 3, maxIdle: 1, idleTimeout: 60_000 })
    await pool.query('select 1')
    await pool.$flush()
    const held = await pool.getConnection()
    await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 1 })
    held.release()
    expect((pool.pool as unknown as { _closed: boolean })._closed).toBe(false)
    await pool.end()
    expect((pool.pool as unknown as { _closed: boolean })._closed).toBe(true)
    await eventually(timers, (count) => count <= before)
  })

  test('a facade has no timer of its own, and the pool that nobody used none after the end', async () => {
    const settings = { connectionLimit: 3, maxIdle: 1 }
    const before = timers()
    const native = promise.createPool(settings)
    // Nothing else has run since: it looks for idle connections.
    expect(timers()).toBe(before + 1)
    const pool = on.closing(withPeriodicFlush(() => native))
    expect(timers()).toBe(before + 1)
    await pool.end()
    expect((native.pool as unknown as { _closed: boolean })._closed).toBe(true)
  })

  test('a pool that is refused at a flush leaves no timer behind', async () => {
    const settings = { uri: on.pair.url(), connectionLimit: 3, maxIdle: 1 }
    let createPool = promise.createPool as (given: object) => promise.Pool
    const pool = on.closing(withPeriodicFlush(() => createPool(settings), { intervalMs: false }))
    await pool.query('select 1')
    createPool = callback.createPool as never
    const before = timers()
    for (let n = 0; n < 3; n++) await expect(pool.$flush()).rejects.toMatchObject({ code: 'UNSUPPORTED_CLIENT' })
    expect(timers()).toBeLessThanOrEqual(before)
  })

  test('a stream of one’s own that throws fails its caller, and those who waited for it, and holds nothing up', async () => {
    let tunnel = true
    const stream = () => {
      if (!tunnel) throw new Error('no tunnel')
      return new Socket().connect(on.pair.port, on.pair.blue.host)
    }
    const pool = on.promise({ stream, connectionLimit: 1 } as never)
    const first = await pool.getConnection()
    const waiting = [pool.query('select 1'), pool.getConnection()].map((work) => work.catch((error) => error.message))
    tunnel = false
    first.destroy()
    expect(await Promise.all(waiting)).toEqual(['no tunnel', 'no tunnel'])
    await expect(pool.query('select 1')).rejects.toThrow('no tunnel')
    const told = vi.fn()
    const later = new Promise<void>((resolve) =>
      pool.pool.getConnection((error) => {
        told(error?.message)
        resolve()
      }),
    )
    expect(told).not.toHaveBeenCalled()
    await later
    expect(told).toHaveBeenCalledExactlyOnceWith('no tunnel')
    expect(pool.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0 })
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED' })
    tunnel = true
    expect(await value(pool, 'select 1')).toBe(1)
    const other = on.promise({ stream: async () => new Socket() } as never)
    // In mysql2's own words, which its documentation does not expect.
    await expect(other.query('select 1')).rejects.toThrow('this.stream.on is not a function')
    expect(other.$flusher.stats().leases).toBe(0)
  })

  test('a statement that is cut with nobody to hear it disturbs nobody; one that is asked of a cut connection tells', async () => {
    const pool = on.callback()
    const connection = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
    pool.query('select sleep(63)')
    await eventually(() => on.pair.blue.backends(), running('sleep(63)'))
    await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 2 })
    for (let n = 0; n < 2; n++) {
      const told = new Promise((resolve) => connection.query('select 1').on('error', resolve))
      expect(await told).toMatchObject({ code: 'CUT' })
      // Thrown to nobody, that would end the process.
      connection.query('select 1')
      // Its caller is told at once, as natively on a connection that is closed.
      expect(() => connection.execute('select 1')).toThrow(expect.objectContaining({ code: 'CUT' }))
    }
    await new Promise(setImmediate)
    connection.release()
    await on.pair.blue.killBackends()
  })

  test('a statement that is cut before it had a connection disturbs nobody either', async () => {
    const pool = on.callback({ connectionLimit: 2, connectTimeout: 60_000 })
    await on.pair.blue.freeze()
    try {
      pool.query('select 1')
      const neighbour = pool
        .promise()
        .query('select 2')
        .catch((error: unknown) => error)
      on.pair.moveTo('green')
      await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 2, drained: true })
      expect(await neighbour).toMatchObject({ code: 'CUT' })
    } finally {
      await on.pair.blue.thaw()
    }
  })

  test('one that throws when it is told of a cut keeps nobody else from hearing of it', async () => {
    const pool = on.callback({ connectionLimit: 4, connectTimeout: 60_000 })
    const thrown: unknown[] = []
    const thrower = (error: unknown) => {
      throw error
    }
    await on.pair.blue.freeze()
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error))
    try {
      pool.query('select 1', thrower)
      pool.query('select 2').on('error', thrower)
      pool.getConnection(thrower)
      const neighbour = pool
        .promise()
        .query('select 3')
        .catch((error: unknown) => error)
      on.pair.moveTo('green')
      await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 4, drained: true })
      expect(await neighbour).toMatchObject({ code: 'CUT' })
      expect(thrown).toMatchObject([{ code: 'CUT' }, { code: 'CUT' }, { code: 'CUT' }])
      expect(pool.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
      await on.pair.blue.thaw()
    }
  })

  test('each hears of a cut once, and so does who asks a connection while it is cut', async () => {
    const pool = on.callback()
    const closed: Promise<void>[] = []
    const remember = (lent: object) =>
      closed.push(new Promise((resolve) => (lent as Connection).stream.once('close', () => resolve())))
    pool.on('acquire', remember)
    const lent = vi.fn()
    const connection = await called<callback.PoolConnection>((done) =>
      pool.getConnection((error, given) => {
        lent()
        done(error, given)
      }),
    )
    const errors: string[] = []
    const hear = (what: string) => (error: { code?: string } | null) => errors.push(`${what} ${error?.code}`)
    pool.query('select sleep(64)').on('error', hear('running'))
    pool.query('select sleep(64)', hear('waiting'))
    await eventually(
      () => on.pair.blue.backends(),
      (backends) => backends.filter(({ query }) => query.includes('sleep(64)')).length === 2,
    )
    pool.off('acquire', remember)
    const end = pool.$flusher.on('cut', () => {
      connection.query('select 1').on('error', hear('asked'))
      connection.query('select 1', hear('called'))
      connection.execute('select 1', hear('executed'))
    })
    await expect(pool.$flush(now)).resolves.toMatchObject({ cut: 3 })
    end()
    // With its connection each would be told once more that it is lost.
    expect(closed).toHaveLength(3)
    await Promise.all(closed)
    // Of a statement that is executed natively the callback is called twice: for its preparation, and for itself.
    expect(errors.sort()).toEqual(['asked CUT', 'called CUT', 'executed CUT', 'running CUT', 'waiting CUT'])
    expect(lent).toHaveBeenCalledOnce()
    // What it is asked gives what it gives on any other connection.
    expect(connection.prepare('select 1', () => {})).toBeInstanceOf(EventEmitter)
    connection.release()
    await on.pair.blue.killBackends()
  })

  test('a statement hears once of a connection that is lost before it has begun', async () => {
    const pool = on.callback()
    const { once: listen }: NodeJS.EventEmitter = pool
    // As if the server had ended it at that very moment.
    const lose = ({ stream }: Connection) => {
      stream.emit('end')
      stream.destroy()
    }
    await pool.promise().query('select 1')
    listen.call(pool, 'acquire', lose)
    const errors: unknown[] = []
    const stream = pool
      .query('select 1')
      .on('error', ({ code }) => errors.push(code))
      .stream()
    await expect(called((done) => stream.on('error', done))).rejects.toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' })
    const promised = pool.promise()
    for (const ask of [() => promised.query('select 1'), () => promised.execute('select 1')]) {
      await promised.query('select 1')
      listen.call(pool, 'acquire', lose)
      await expect(ask()).rejects.toThrow()
    }
    expect(errors).toEqual(['PROTOCOL_CONNECTION_LOST'])
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('a statement without a callback hears once that no connection is to be had', async () => {
    const pool = on.callback({ uri: undefined as never, host: '127.0.0.9', port: on.pair.port })
    const errors: unknown[] = []
    await new Promise<void>((resolve) => {
      pool.query('select 1').on('error', (error) => {
        errors.push(error?.code)
        if (error !== undefined) resolve()
      })
    })
    expect(errors).toEqual(['ECONNREFUSED'])
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('errors of the pool itself come later, as natively', async () => {
    const pool = on.callback()
    await called((done) => pool.end(done))
    const told = vi.fn()
    const late = new Promise<void>((resolve) =>
      pool.getConnection((error) => {
        told(error?.message)
        resolve()
      }),
    )
    expect(told).not.toHaveBeenCalled()
    await late
    expect(told).toHaveBeenCalledWith('Pool is closed.')
  })

  test('the driver does nothing once it is told to stop, and no harm when it is told so too late', async () => {
    const native = nativeOf(promise.createPool({ uri: on.pair.url(), connectionLimit: 3 })) as NativePool
    const opened = new OpenedPool(
      native,
      () => {},
      () => {},
    )
    const driver = mysql2Driver(
      () => native,
      () => opened,
      async () => {},
    )
    const stopped = AbortSignal.abort()
    await driver.warm?.(native, 3, stopped)
    expect(opened.sockets.size).toBe(0)
    await expect(driver.check(native, stopped)).rejects.toThrow()
    await expect(driver.writable?.(native, stopped)).rejects.toThrow()
    const later = new AbortController()
    await driver.check(native, later.signal)
    later.abort()
    await driver.check(native, new AbortController().signal)
    expect(opened.sockets.size).toBe(1)
    await driver.close(native)
  })

  test('a pool of something else is named as such', () => {
    const other = { getConnection() {} }
    expect(() => withPeriodicFlush(() => other as never)).toThrow(
      'a pool of something else, or of another copy of mysql2',
    )
  })
})

test.each([
  [{ errno: 1290 }, 'read-only'],
  [{ errno: 1792 }, 'read-only'],
  [{ errno: 1836 }, 'read-only'],
  [{ errno: 1053 }, 'shutdown'],
  [{ errno: 1927 }, 'shutdown'],
  [{ errno: 1146, code: 'ER_NO_SUCH_TABLE' }, undefined],
  [{ code: 'PROTOCOL_CONNECTION_LOST' }, 'lost'],
  [{ code: 'ECONNRESET' }, 'lost'],
  [{ code: 'ECONNREFUSED' }, 'lost'],
  [{ code: 'EPIPE' }, 'lost'],
  [{ code: 'ETIMEDOUT' }, 'lost'],
  [{ code: 'EHOSTUNREACH' }, 'lost'],
  [{ code: 'ENETUNREACH' }, 'lost'],
  [null, undefined],
])('the error %o means %s', (error, expected) => {
  expect(suspect(error)).toBe(expected)
})
