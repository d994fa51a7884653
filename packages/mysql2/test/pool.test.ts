import { inspect } from 'node:util'
import * as callback from 'mysql2'
import * as promise from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { withPeriodicFlush } from '../src/index.ts'
import type { NativePool } from '../src/native.ts'
import { called, eventually, sideOf, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

describe.runIf(mariadbInstalled)('a flushed pool', () => {
  const on = stage('pool')

  test('goes to the new server with a flush, in either flavour, and leaves nothing on the old one', async () => {
    const promised = on.promise()
    const withCallbacks = on.callback()
    expect([await sideOf(promised), await sideOf(withCallbacks.promise())]).toEqual(['blue', 'blue'])
    on.pair.moveTo('green')
    expect(await sideOf(promised)).toBe('blue')
    const reports = await Promise.all([promised.$flush(), withCallbacks.$flush()])
    expect(reports).toMatchObject([
      { moved: true, drained: true, cut: 0, checked: true },
      { moved: true, drained: true },
    ])
    expect([await sideOf(promised), await sideOf(withCallbacks.promise())]).toEqual(['green', 'green'])
    expect(await on.pair.blue.backends()).toEqual([])
  })

  test('says farewell to its connections: the server counts none as aborted', async () => {
    const pool = on.promise()
    const aborted = async () =>
      (await on.pair.blue.query<{ Value: string }>("show global status like 'Aborted_clients'"))[0]?.Value
    const before = await aborted()
    for (let n = 0; n < 3; n++) {
      await Promise.all([1, 2, 3, 4].map(() => sideOf(pool)))
      expect(await pool.$flush()).toMatchObject({ warmed: 4 })
    }
    await pool.end()
    await eventually(
      () => on.pair.blue.backends(),
      ({ length }) => length === 0,
    )
    expect(await aborted()).toBe(before)
  })

  test('runs query and execute with values, named placeholders and options, as natively', async () => {
    const pool = on.callback({ namedPlaceholders: true })
    const rows = (sql: unknown, ...rest: unknown[]) =>
      called((done) => Reflect.apply(pool.query, pool, [sql, ...rest, done]))
    const executed = (...args: unknown[]) => called((done) => Reflect.apply(pool.execute, pool, [...args, done]))
    expect(await rows('select 1 as a')).toEqual([{ a: 1 }])
    expect(await rows('select ? as a', [2])).toEqual([{ a: 2 }])
    expect(await rows('select :a as a', { a: 3 })).toEqual([{ a: 3 }])
    expect(await rows({ sql: 'select ? as a', values: [4], rowsAsArray: true })).toEqual([[4]])
    expect(await executed('select 5 as a')).toEqual([{ a: 5 }])
    expect(await executed('select :a as a', { a: 6 })).toEqual([{ a: 6 }])
    expect(await executed({ sql: 'select ? as a', values: [7] })).toEqual([{ a: 7 }])
    expect(pool.query('select 8', () => {}).sql).toBe('select 8')
    await eventually(
      () => pool.$flusher.stats().leases,
      (leases) => leases === 0,
    )
  })

  test('keeps the own errors of statements, and takes no harm from them', async () => {
    const pool = on.promise({ connectionLimit: 1 })
    for (let n = 0; n < 3; n++) {
      await expect(pool.query('select * from nothing')).rejects.toMatchObject({ code: 'ER_NO_SUCH_TABLE', errno: 1146 })
      await expect(pool.execute('select * from nothing')).rejects.toMatchObject({ code: 'ER_NO_SUCH_TABLE' })
      await expect(pool.execute('select ?', [undefined as never])).rejects.toThrow('must not contain undefined')
    }
    expect(await sideOf(pool)).toBe('blue')
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('lends connections until release, destroy or end, or until they are lost', async () => {
    const pool = on.promise()
    const leases = () => pool.$flusher.stats().leases
    const released = await pool.getConnection()
    expect(leases()).toBe(1)
    released.release()
    released.release()
    expect(leases()).toBe(0)
    const viaPool = await pool.getConnection()
    pool.releaseConnection(viaPool)
    expect(leases()).toBe(0)
    const destroyed = await pool.getConnection()
    destroyed.destroy()
    expect(leases()).toBe(0)
    // mysql2 warns, and gives it back: that is what Drizzle's iterator does.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const ended = await pool.getConnection()
    await ended.end()
    expect(leases()).toBe(0)
    expect(warn).toHaveBeenCalledOnce()
    warn.mockRestore()
    const lost = await pool.getConnection()
    const id = await value(lost as never, 'select connection_id()')
    await on.pair.blue.query(`kill connection ${id}`)
    await eventually(leases, (count) => count === 0)
    lost.release()
    expect(await sideOf(pool)).toBe('blue')
    pool.pool.once('acquire', (connection: callback.PoolConnection) => connection.destroy())
    const dead = await pool.getConnection()
    await eventually(leases, (count) => count === 0)
    dead.release()
    await on.pair.blue.killBackends()
    await eventually(
      () => pool.$flusher.stats().connections,
      (count) => count === 0,
    )
    const disposed = await pool.getConnection()
    await disposed[Symbol.asyncDispose]()
    expect(leases()).toBe(0)
    expect(await sideOf(pool)).toBe('blue')
  })

  test('keeps a transaction, and its prepared statements, on one connection over three flushes', async () => {
    const pool = on.promise()
    const connection = await pool.getConnection()
    await connection.beginTransaction()
    const id = await value(connection as never, 'select connection_id()')
    const statement = await connection.prepare('insert into numbers values (?)')
    for (const n of [1, 2, 3]) {
      on.pair.moveTo(n % 2 === 0 ? 'blue' : 'green')
      await pool.$flush({ wait: 'swapped', onDeadline: 'keep' })
      await statement.execute([n])
      expect(await value(connection as never, 'select connection_id()')).toBe(id)
    }
    await statement.close()
    await connection.commit()
    connection.release()
    await eventually(
      () => pool.$flusher.stats().retiring,
      ({ length }) => length === 0,
    )
    expect(await on.pair.query('select n from numbers order by n')).toEqual({
      blue: [{ n: 1 }, { n: 2 }, { n: 3 }],
      green: [],
    })
    await on.pair.query('delete from numbers')
  })

  test('streams to the end on the connection where it began', async () => {
    const pool = on.callback()
    const seen: unknown[] = []
    const stream = pool
      .query('select seq, (select name from side) as name, repeat("x", 9000) as x from seq_1_to_2000')
      .stream({ highWaterMark: 5 })
    expect(stream.readableHighWaterMark).toBe(5)
    for await (const row of stream) {
      if (seen.length === 0) {
        on.pair.moveTo('green')
        await pool.$flush({ wait: 'swapped' })
        expect(pool.$flusher.stats().retiring).toMatchObject([{ generation: 1, leases: 1 }])
      }
      seen.push(row.name)
    }
    expect(seen).toEqual(Array.from({ length: 2000 }, () => 'blue'))
    await eventually(
      () => pool.$flusher.stats().retiring,
      ({ length }) => length === 0,
    )
    const broken = pool.query('select * from nothing').stream()
    await expect(called((done) => broken.on('error', done))).rejects.toMatchObject({ code: 'ER_NO_SUCH_TABLE' })
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('tells a stream that its connection is lost', async () => {
    const pool = on.callback()
    const stream = pool.query('select sleep(60)').stream()
    const failed = called((done) => stream.on('error', done))
    await eventually(
      () => on.pair.serving.backends(),
      (backends) => backends.some(({ query }) => query.includes('sleep(60)')),
    )
    await Promise.all([
      expect(failed).rejects.toMatchObject({
        code: expect.stringMatching(/ER_CONNECTION_KILLED|PROTOCOL_CONNECTION_LOST/),
      }),
      on.pair.serving.killBackends(),
    ])
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('runs what people set sessions up with before a connection is used, on every generation', async () => {
    for (const pool of [on.promise(), on.callback()]) {
      let count = 0
      const { on: listen }: NodeJS.EventEmitter = pool
      listen.call(pool, 'connection', (connection) => {
        count++
        Reflect.apply(callback.Connection.prototype.query, connection, ['set @mark = 7'])
      })
      const asked = 'promise' in pool ? pool.promise() : pool
      for (let n = 0; n < 3; n++) {
        expect(await Promise.all([1, 2].map(() => value(asked, 'select @mark')))).toEqual([7, 7])
        await pool.$flush()
      }
      expect(count).toBeGreaterThan(3)
    }
  })

  test('tells of acquire, release and enqueue as natively', async () => {
    const events: string[] = []
    const native = promise.createPool({ uri: on.pair.url(), connectionLimit: 1 })
    const pool = on.promise({ connectionLimit: 1 })
    for (const each of [native, pool] as (promise.Pool & NodeJS.EventEmitter)[]) {
      events.push('|')
      for (const event of ['connection', 'acquire', 'release', 'enqueue'] as const) {
        ;(each as NodeJS.EventEmitter).on(event, () => events.push(event))
      }
      await Promise.all([sideOf(each), sideOf(each)])
    }
    await native.end()
    // A connection that is handed on is released in between here; natively it is handed on without a word.
    expect(events.join(' ')).toBe(
      '| enqueue connection acquire release | enqueue connection acquire release acquire release',
    )
  })

  test('honours waitForConnections and queueLimit in mysql2’s own words, and not during a flush', async () => {
    const impatient = on.promise({ connectionLimit: 1, waitForConnections: false })
    const first = impatient.query('select sleep(0.2)')
    await expect(impatient.query('select 1')).rejects.toThrow('No connections available.')
    await first
    const spare = on.promise({ connectionLimit: 4, waitForConnections: false })
    let flushing = true
    const callers = [1, 2, 3].map(async () => {
      while (flushing) await spare.query('select 1')
    })
    for (let n = 0; n < 20; n++) await spare.$flush()
    flushing = false
    await Promise.all(callers)
    const queueing = on.promise({ connectionLimit: 1, queueLimit: 1 })
    const answers = [1, 2, 3].map((n) => value(queueing, 'select ?', [n]).catch((error: Error) => error.message))
    expect(await Promise.all(answers)).toEqual([1, 2, 'Queue limit reached.'])
    expect(queueing.pool.config).toMatchObject({ connectionLimit: 1, queueLimit: 1, waitForConnections: true })
  })

  test('shows the settings of its first pool, and carries on what is written there', async () => {
    const pool = on.callback()
    const config = pool.config as unknown as { connectionConfig: { database: string; queryFormat?: unknown } }
    expect(config.connectionConfig.database).toBe('app')
    const { config: native } = callback.createPool({}) as unknown as NativePool
    for (const [shown, own] of [
      [config, native],
      [config.connectionConfig, native.connectionConfig],
    ] as const) {
      expect(Object.getPrototypeOf(shown)).toBe(Object.getPrototypeOf(own))
    }
    config.connectionConfig.queryFormat = (sql: string) => sql.replace('%', '42')
    for (let n = 0; n < 2; n++) {
      expect(await value(pool.promise(), 'select %')).toBe(42)
      await pool.$flush()
    }
    expect(pool.config).toBe(config)
  })

  test('takes a limit that is written into its settings, for every pool from then on, and nothing else from them', async () => {
    const pool = on.promise({ connectionLimit: 2 })
    const { config } = pool.pool
    await sideOf(pool)
    config.connectionLimit = 3
    await pool.$flush()
    expect(pool.$flusher.stats()).toMatchObject({ limit: 3, leases: 0 })
    config.waitForConnections = false
    const held = await Promise.all([1, 2, 3].map(() => pool.getConnection()))
    await expect(pool.getConnection()).rejects.toThrow('No connections available.')
    for (const { connection } of held as unknown as { connection: Record<string, { pool: unknown }> }[]) {
      expect(connection['config']?.pool).toBe(connection['_pool'])
    }
    for (const connection of held) connection.release()
    await pool.$flush()
    expect(await sideOf(pool)).toBe('blue')
  })

  test('formats and escapes', () => {
    for (const pool of [on.promise(), on.callback()]) {
      expect(pool.format('select ??, ?', ['a', "b'"])).toBe("select `a`, 'b\\''")
      expect(pool.escape("a'")).toBe("'a\\''")
      expect(pool.escapeId('a`b')).toBe('`a``b`')
    }
  })

  test('is what it looks like, and shows no password', () => {
    const pool = on.promise({ password: 'secret', uri: undefined as never })
    const native = promise.createPool({})
    expect(pool.constructor).toBe(native.constructor)
    expect('getConnection' in pool).toBe(true)
    expect('then' in pool).toBe(false)
    expect(Object.keys(pool)).not.toContain('$flush')
    const core = on.callback({ password: 'secret', uri: undefined as never })
    expect(core).toBeInstanceOf(callback.createPool({}).constructor)
    expect(core.constructor.name).toContain('Pool')
    for (const shown of [inspect(pool, { depth: 9, showHidden: true }), inspect(core), JSON.stringify(pool)]) {
      expect(shown).not.toContain('secret')
    }
  })

  test('ends as natively: what runs is finished, what comes later fails, and the process may end', async () => {
    const pool = on.promise()
    const running = value(pool, 'select sleep(0.1)')
    await eventually(
      () => pool.$flusher.stats().leases,
      (leases) => leases === 1,
    )
    const ended = pool.end()
    await expect(pool.query('select 1')).rejects.toThrow('Pool is closed.')
    await expect(pool.getConnection()).rejects.toThrow('Pool is closed.')
    expect(await running).toBe(0)
    await ended
    await pool.end()
    await pool[Symbol.asyncDispose]()
    expect(pool.$flusher.stats()).toMatchObject({ state: 'closed', leases: 0 })
    const full = on.promise({ connectionLimit: 1 })
    const last = value(full, 'select sleep(0.1)')
    const waiting = full.query('select 1').catch((error: Error) => error.message)
    await full.end()
    expect([await last, await waiting]).toEqual([0, 'Pool is closed.'])
    const failing = on.promise()
    const close = vi.spyOn(failing.$flusher, 'close').mockRejectedValueOnce(new Error('cannot be closed'))
    await expect(failing.end()).rejects.toThrow('cannot be closed')
    close.mockRestore()
    const other = on.callback()
    await sideOf(other.promise())
    await called((done) => other.end(done))
    await eventually(
      () => on.pair.blue.backends(),
      ({ length }) => length === 0,
    )
    const closed = on.promise()
    await closed.$flusher.close()
    // It is closed, so this ends nothing.
    await closed[Symbol.asyncDispose]()
    await expect(closed.query('select 1')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('one that throws when it is told of the end keeps nobody else from hearing of it', async () => {
    const pool = on.callback({ connectionLimit: 1 })
    const held = await called<callback.PoolConnection>((done) => pool.getConnection(done as never))
    const thrown: unknown[] = []
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error))
    try {
      pool.query('select 1', (error) => {
        throw error
      })
      const waiting = pool.promise().query('select 2')
      const ended = called((done) => pool.end(done))
      await expect(waiting).rejects.toThrow('Pool is closed.')
      held.release()
      await ended
      expect(thrown).toMatchObject([{ message: 'Pool is closed.' }])
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
    }
  })

  test('takes only factories of new pools', async () => {
    const refused = (factory: unknown) => {
      try {
        const made = withPeriodicFlush(factory as () => promise.Pool)
        return String(made.$flusher.name)
      } catch (error) {
        return error
      }
    }
    const unsupported = { code: 'UNSUPPORTED_CLIENT' }
    const told = (given: string) =>
      new TypeError(
        `Expected \`factory\`, the first argument, to be a function that returns a new mysql2 pool, got ${given}; write withPeriodicFlush(() => createPool(config))`,
      )
    expect(() => withPeriodicFlush(3 as never)).toThrow(told('3'))
    expect(() => withPeriodicFlush({ password: 'secret' } as never)).toThrow(told('an object'))
    for (const pool of [callback.createPool({}), promise.createPool({})]) {
      expect(() => withPeriodicFlush(pool as never)).toThrow(told('a client'))
    }
    expect(refused(() => undefined)).toMatchObject(unsupported)
    expect(refused(() => ({}))).toMatchObject(unsupported)
    const [promised, withCallbacks] = [on.promise(), on.callback()]
    for (const flushed of [promised, promised.pool, withCallbacks, withCallbacks.promise()]) {
      expect(refused(() => flushed)).toMatchObject({
        ...unsupported,
        message: expect.stringContaining('flushed already'),
      })
    }
    const asked = vi.fn(() => promise.createPool({}))
    expect(() => withPeriodicFlush(asked, { intervalMs: 'x' as never })).toThrow(TypeError)
    // Nobody would be left to end that pool.
    expect(asked).not.toHaveBeenCalled()
    await expect(withPeriodicFlush(async () => ({}) as never)).rejects.toMatchObject(unsupported)
    let flavour: 'promise' | 'callback' = 'promise'
    const mixed = on.closing(
      withPeriodicFlush<promise.Pool>(
        () => (flavour === 'promise' ? promise : (callback as never)).createPool(on.pair.url()),
        { intervalMs: false },
      ),
    )
    await sideOf(mixed)
    flavour = 'callback'
    await expect(mixed.$flush()).rejects.toMatchObject(unsupported)
  })

  test('takes no cluster, and says what to wrap instead', () => {
    const [called, promised] = [callback.createPoolCluster(), promise.createPoolCluster()]
    for (const given of [called, called.of('*'), promised, promised.of('*')]) {
      expect(() => withPeriodicFlush(() => given as never)).toThrow(
        'Expected the factory to return a new mysql2 pool, got a pool cluster: wrap one pool for each server name',
      )
    }
  })

  test('takes no single connection, and leaves none open that it refuses', async () => {
    const native = callback.createPool({ uri: on.pair.url(), connectionLimit: 2 })
    const lent = () => called<callback.PoolConnection>((done) => native.getConnection(done as never))
    const refusal = {
      code: 'UNSUPPORTED_CLIENT',
      message: expect.stringContaining('a single connection: use createPool'),
    }
    const takes = (connection: unknown) => () => withPeriodicFlush(() => connection as never)
    expect(takes(callback.createConnection(on.pair.url()))).toThrow(expect.objectContaining(refusal))
    expect(takes(await promise.createConnection(on.pair.url()))).toThrow(expect.objectContaining(refusal))
    const asynchronous = withPeriodicFlush((() => promise.createConnection(on.pair.url())) as never)
    await expect(asynchronous).rejects.toMatchObject(refusal)
    // Nobody is left to hear that this one cannot connect.
    expect(takes(callback.createConnection({ host: '127.0.0.9', port: on.pair.port }))).toThrow(
      expect.objectContaining(refusal),
    )
    // It warns of a loan that is ended rather than released.
    const warn = vi.spyOn(console, 'warn')
    for (const connection of [await lent(), (await lent()).promise()]) {
      expect(takes(connection)).toThrow(expect.objectContaining(refusal))
    }
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
    // Each went back to its pool.
    for (const connection of [await lent(), await lent()]) connection.release()
    await called((done) => native.end(done))
    await eventually(
      () => on.pair.blue.backends(),
      ({ length }) => length === 0,
    )
  })

  test.each(['same', 'another'])(
    'a factory that returns the same pool again, in the %s wrapper, is told so, and leaves no trace on it',
    async (wrapper) => {
      const native = callback.createPool({ uri: on.pair.url(), connectionLimit: 2 })
      const first = native.promise()
      const pool = on.closing(
        withPeriodicFlush(() => (wrapper === 'same' ? first : native.promise()), { intervalMs: false }),
      )
      const held = await pool.getConnection()
      const traces = () => ({
        listeners: native.eventNames().map((name) => [name, native.listenerCount(name)]),
        release: native.releaseConnection,
        stream: (native as unknown as NativePool).config.connectionConfig.stream,
      })
      const before = traces()
      for (let n = 0; n < 3; n++) await expect(pool.$flush()).rejects.toMatchObject({ code: 'SAME_CLIENT' })
      expect(traces()).toEqual(before)
      // What was borrowed before is still known to be.
      expect(pool.$flusher.stats()).toMatchObject({ leases: 1, connections: 1, failures: 3 })
      held.release()
      expect(pool.$flusher.stats().leases).toBe(0)
      expect(await sideOf(pool)).toBe('blue')
    },
  )
})
