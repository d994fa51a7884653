import { Socket } from 'node:net'
import * as callback from 'mysql2'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { mysql2Driver } from '../src/driver.ts'
import { type Connection, type NativePool, noop } from '../src/native.ts'
import { type Failed, OpenedPool } from '../src/opened-pool.ts'
import { called, eventually, stage } from './stage.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

/** What core asks of one pool, without core: it bounds and repeats, so that little of this shows through it. */

describe.runIf(mariadbInstalled)('one pool that is opened', () => {
  const on = stage('opened-pool')
  const made: OpenedPool[] = []
  afterEach(() => {
    for (const pool of made.splice(0)) pool.cut()
  })

  const open = (settings: callback.PoolOptions = {}, failed: Failed = noop) => {
    const native = callback.createPool({ uri: on.pair.url(), connectionLimit: 3, ...settings }) as unknown as NativePool
    const pool = new OpenedPool(native, noop, failed)
    made.push(pool)
    return pool
  }

  const warmed = async (count: number) => {
    const pool = open()
    await pool.warm(count, new AbortController().signal)
    expect(pool.sockets.size).toBe(count)
    return pool
  }

  /** Borrows, and says what becomes of it. */
  const lend = (pool: OpenedPool) => {
    const told: unknown[] = []
    const settled = new Promise<Connection | undefined>((resolve) => {
      pool.lend({
        kind: 'reserved',
        answering: () => told.push('answering'),
        settle: (error, connection) => {
          told.push(error ?? 'lent')
          resolve(connection)
        },
        over: (lost) => told.push(lost ?? 'over'),
      })
    })
    return { told, settled }
  }

  test('shrinks by as many as it is told, and is done when those are closed', async () => {
    const pool = await warmed(3)
    await pool.shrink(1)
    expect(pool.sockets.size).toBe(2)
    await Promise.all([pool.shrink(1), pool.shrink(1)])
    expect(pool.sockets.size).toBe(0)
  })

  test('does not close what is borrowed until it is given back, and says so once', async () => {
    const pool = await warmed(2)
    const { told, settled } = lend(pool)
    const connection = await settled
    await pool.retire()
    expect(pool.sockets.size).toBe(1)
    expect(told).toEqual(['lent'])
    connection?.release()
    // Not that it is lost, though it is closed.
    expect(told).toEqual(['lent', 'over'])
    await pool.sockets.closed()
    expect(told).toEqual(['lent', 'over'])
  })

  test('gives back what it has opened if it cannot open as many as it is to warm', async () => {
    let left = 2
    const stream = () => {
      if (left-- === 0) throw new Error('no more')
      return new Socket().connect(on.pair.port, on.pair.blue.host)
    }
    const pool = open({ stream })
    await expect(pool.warm(3, new AbortController().signal)).rejects.toThrow('no more')
    expect(pool.sockets.size).toBe(2)
    await pool.retire()
    expect(pool.sockets.size).toBe(0)
  })

  test('fails to warm where nobody answers', async () => {
    const failed = vi.fn()
    const pool = open({ uri: undefined as never, host: '127.0.0.9', port: on.pair.port }, failed)
    const refused = { code: 'ECONNREFUSED' }
    await expect(pool.warm(1, new AbortController().signal)).rejects.toMatchObject(refused)
    await expect(pool.ask('select 1')).rejects.toMatchObject(refused)
    // Whoever opens it for itself hears of it by itself.
    expect(failed).not.toHaveBeenCalled()
    const { told, settled } = lend(pool)
    expect(await settled).toBeUndefined()
    expect(told).toMatchObject(['over', refused])
    expect(failed).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(refused))
  })

  test('knows which of the connections that the pool has already idle, and which are in use or only being made', async () => {
    const used = callback.createPool({ uri: on.pair.url(), connectionLimit: 3 })
    const borrow = () => called<callback.PoolConnection>((done) => used.getConnection(done as never))
    const [held, idle] = await Promise.all([borrow(), borrow()])
    idle.release()
    await used.promise().query('select 1')
    const taken = await borrow()
    const connecting = used.promise().query('select 1')
    const native = used as unknown as NativePool
    taken.release()
    const pool = new OpenedPool(native, noop, noop)
    made.push(pool)
    expect(pool.sockets.size).toBe(3)
    await pool.retire()
    expect(pool.sockets.size).toBe(2)
    expect(await called((done) => held.query('select 1 as a', done as never))).toEqual([{ a: 1 }])
    await connecting
    held.release()
    await pool.sockets.closed()
  })

  test('hears every error of a connection that was only being made when the pool came', () => {
    const native = callback.createPool(on.pair.url()) as unknown as NativePool
    native.getConnection(noop)
    made.push(new OpenedPool(native, noop, noop))
    const [connecting] = native._allConnections.toArray()
    // mysql2 hears the first alone; over TLS there is a second.
    for (let n = 0; n < 2; n++) expect(connecting?.emit('error', new Error('gone'))).toBe(true)
  })

  test('stops to warm as soon as it is told to', async () => {
    const pool = open()
    const stopping = new AbortController()
    pool.native.once('connection', () => stopping.abort())
    await pool.warm(3, stopping.signal)
    expect(pool.sockets.size).toBe(1)
  })

  test('tells of each error that the server sends, and of a connection that is lost', async () => {
    const failed: unknown[] = []
    const pool = open({}, (error) => failed.push(error))
    await pool.ask('select * from nothing').catch(noop)
    expect(failed).toMatchObject([{ code: 'ER_NO_SUCH_TABLE', message: expect.stringContaining('nothing') }])
    const { told, settled } = lend(pool)
    const connection = await settled
    connection?.stream.destroy(new Error('gone'))
    await eventually(
      () => failed.length,
      (count) => count === 2,
    )
    expect(failed[1]).toMatchObject({ message: 'gone' })
    const lost = { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }
    expect(told).toMatchObject(['lent', { ...lost, message: 'Connection lost: The server closed the connection.' }])
    expect(pool.sockets.size).toBe(0)
  })

  test('takes none for idle that is lost, however it was', async () => {
    const pool = await warmed(2)
    const { told, settled } = lend(pool)
    const connection = await settled
    connection?.release()
    expect(told).toEqual(['lent', 'over'])
    connection?.stream.destroy()
    await eventually(
      () => pool.sockets.size,
      (size) => size === 1,
    )
    // It would wait for the end of one that has ended.
    await pool.shrink(2)
    expect(pool.sockets.size).toBe(0)
  })

  test('says no farewell to one that mysql2 has dropped itself, having idled', async () => {
    const pool = await warmed(2)
    const [connection] = pool.native._freeConnections.toArray()
    const heard = vi.fn()
    connection?.on('error', heard)
    connection?.destroy()
    expect(pool.sockets.size).toBe(2)
    await pool.shrink(1)
    await pool.sockets.closed()
    // It would be told that it cannot be asked any more.
    expect(heard).not.toHaveBeenCalled()
  })

  test('knows of one that is lost though the server only says farewell', async () => {
    const pool = open({
      stream: () => new Socket({ allowHalfOpen: true }).connect(on.pair.port, on.pair.blue.host),
    })
    const connection = await lend(pool).settled
    const ended = new Promise((resolve) => connection?.once('end', resolve))
    connection?.release()
    await on.pair.blue.killBackends()
    await ended
    // Its socket is half open for good, and nothing is said to it.
    await pool.retire()
    expect(pool.sockets.size).toBe(1)
  })

  test('tells who has borrowed it of one whose end mysql2 does not tell', async () => {
    const pool = open()
    const { told, settled } = lend(pool)
    const connection = await settled
    // It is closing, so mysql2 has nothing to say about it.
    Object.assign(connection ?? {}, { _closing: true })
    connection?.stream.destroy()
    await pool.sockets.closed()
    expect(told).toMatchObject(['lent', { code: 'PROTOCOL_CONNECTION_LOST' }])
  })

  test('is closed as soon as what is being reset is, or by a cut', async () => {
    for (const frozen of [false, true]) {
      const pool = open({ resetOnRelease: true })
      const connection = await lend(pool).settled
      if (frozen) await on.pair.blue.freeze()
      connection?.release()
      const closed = pool.close()
      if (frozen) pool.cut()
      await closed
      expect(pool.sockets.size).toBe(0)
    }
    await on.pair.blue.thaw()
  })

  test('says that it cannot be closed, and is closed by a cut, timers included', async () => {
    const pool = await warmed(1)
    const end = pool.native.end
    pool.native.end = (done) => done?.(new Error('cannot be ended'))
    await expect(pool.close()).rejects.toThrow('cannot be ended')
    pool.native.end = end
    pool.cut()
    await pool.sockets.closed()
    expect((pool.native as unknown as { _closed: boolean })._closed).toBe(true)
  })

  test('drops a question that it is told to give up, and no later one', async () => {
    const pool = open()
    const driver = mysql2Driver(
      () => pool,
      () => pool,
      async () => {},
    )
    await on.pair.blue.freeze()
    const stopping = new AbortController()
    const asked = driver.check(pool, stopping.signal)
    await eventually(
      () => pool.sockets.size,
      (size) => size === 1,
    )
    stopping.abort()
    await expect(asked).rejects.toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' })
    await on.pair.blue.thaw()
    const done = new AbortController()
    await driver.check(pool, done.signal)
    done.abort()
    expect(pool.sockets.size).toBe(1)
    await pool.ask('select 1')
  })

  test('is writable where all that is said of it is OFF', async () => {
    const pool = open()
    const driver = mysql2Driver(
      () => pool,
      () => pool,
      async () => {},
    )
    const said = async (...values: string[]) => {
      const rows = values.map((value) => ['read_only', value])
      const ask = vi.spyOn(pool, 'ask').mockResolvedValueOnce(rows)
      const answer = await driver.writable?.(pool, new AbortController().signal)
      ask.mockRestore()
      return answer
    }
    expect(await said('OFF', 'OFF')).toBe(true)
    expect(await said('OFF', 'ON')).toBe(false)
    // As MariaDB 12 says.
    expect(await said('NO_LOCK')).toBe(false)
    expect(await driver.writable?.(pool, new AbortController().signal)).toBe(true)
  })
})
