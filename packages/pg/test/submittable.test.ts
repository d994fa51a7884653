import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { describe, expect, test } from 'vitest'
import { pidOf, reasonOf, stage, swapped, until } from './stage.ts'

const on = stage()
const hundred = 'select n from generate_series(1, 100) as n'

/** A query that throws when it is sent. */
const broken = <Query extends object>(query: Query): Query =>
  Object.assign(query, {
    submit() {
      throw new TypeError('broken')
    },
  })

describe('a cursor', () => {
  test('holds its lease until it is closed, across flushes', async () => {
    const pool = on.flushing({ max: 2 })
    const cursor = pool.query(new Cursor(hundred))
    expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }])
    const report = await pool.$flush(swapped)
    expect(report.drained).toBe(false)
    expect(await cursor.read(1)).toEqual([{ n: 3 }])
    expect(pool.$flusher.stats().retiring).toMatchObject([{ leases: 1 }])
    await cursor.close()
    await until(() => pool.$flusher.stats().retiring.length === 0)
    expect(await on.server.backends()).toHaveLength(1)
  })

  test('that was read to its end gives its connection back for the next use', async () => {
    const pool = on.flushing({ max: 1 })
    const pid = await pidOf(pool)
    const cursor = pool.query(new Cursor('select pg_backend_pid() as pid'))
    expect(await cursor.read(9)).toEqual([{ pid }])
    expect(await cursor.read(9)).toEqual([])
    await until(() => pool.$flusher.stats().leases === 0)
    expect(await pidOf(pool)).toBe(pid)
  })

  test('has given its lease back when it tells of its end, or of its error', async () => {
    const pool = on.flushing()
    const leases = () => pool.$flusher.stats().leases
    const read = pool.query(new Cursor('select 1'))
    const atEnd = new Promise((resolve) => read.once('end', () => resolve(leases())))
    await read.read(9)
    expect(await atEnd).toBe(0)
    const failing = pool.query(new Cursor('select 1 / 0'))
    expect(await new Promise((resolve) => failing.read(1, () => resolve(leases())))).toBe(0)
  })

  test('that fails gives its lease back', async () => {
    const pool = on.flushing({ max: 1 })
    const cursor = pool.query(new Cursor('select 1 / 0'))
    expect(await reasonOf(cursor.read(1))).toMatchObject({ code: '22012' })
    expect(pool.$flusher.stats().leases).toBe(0)
    // As natively after a statement that fails.
    expect(pool.totalCount).toBe(0)
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  })

  test.each([
    ['a cursor', () => broken(new Cursor('select 1'))],
    ['a stream', () => broken(new QueryStream('select 1').on('error', () => {}))],
    [
      'one of my own',
      () =>
        broken({
          handleError(_: unknown, connection: unknown) {
            expect(connection).toBeInstanceOf(pg.Connection)
          },
        }),
    ],
  ])('that fails as it is sent (%s) fails with that, and gives its lease back', async (_, query) => {
    const told = async (of: pg.Pool, asked: object) => {
      const calls: unknown[] = []
      await new Promise<void>((resolve) => {
        const callback = (error: Error) => resolve(void calls.push(error))
        Reflect.apply(of.query, of, [asked, callback])
      })
      await new Promise((resolve) => setImmediate(resolve))
      return calls
    }
    const pool = on.flushing({ max: 1 })
    // Natively the first of them, on a fresh connection, ends the process.
    for (const connections of [0, 1]) {
      expect(pool.idleCount).toBe(connections)
      expect(await told(pool, query())).toEqual([new TypeError('broken')])
      expect(pool.$flusher.stats().leases).toBe(0)
      await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    }
    expect(await reasonOf(pool.query(broken(new Cursor('select 1'))).read(1))).toEqual(new TypeError('broken'))
  })

  test('that outlives query_timeout fails, and its connection goes, once', async () => {
    const pool = on.flushing({ max: 1, query_timeout: 50 })
    const removed = new Promise((resolve) => pool.on('remove', resolve))
    const cursor = pool.query(new Cursor('select pg_sleep(60)'))
    // pg tells it when it is late, and again when its connection has ended.
    expect(await reasonOf(cursor.read(1))).toMatchObject({ message: 'Query read timeout' })
    await removed
    expect(pool.$flusher.stats().leases).toBe(0)
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await on.server.killBackends()
  })

  test('that is closed before its turn gives no rows, and takes no connection', async () => {
    const pool = on.flushing({ max: 1 })
    const held = await pool.connect()
    const cursor = pool.query(new Cursor(hundred))
    const early = cursor.read(1)
    const answers: unknown[] = []
    cursor.read(1, (error, rows) => answers.push([error, rows]))
    await cursor.close()
    await cursor.close()
    expect(await early).toEqual([])
    expect(answers).toEqual([[null, []]])
    expect(await cursor.read(1)).toEqual([])
    held.release()
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    await cursor.close()
    expect(pool.$flusher.stats().leases).toBe(0)
    const called = pool.query(new Cursor(hundred))
    await new Promise<void>((resolve) => called.close(() => resolve()))
    await until(() => pool.$flusher.stats().leases === 0)
  })

  test('on a pool that was ended fails in pg’s own words', async () => {
    const pool = on.flushing()
    await pool.end()
    const cursor = pool.query(new Cursor('select 1'))
    const ended = { message: 'Cannot use a pool after calling end on the pool' }
    expect(await reasonOf(cursor.read(1))).toMatchObject(ended)
    await cursor.close()
    expect(await reasonOf(cursor.read(1))).toMatchObject(ended)
  })
})

describe('a connection that is lost after the last row, before the server has said so,', () => {
  /** From the next use of the pool on. */
  const loseThem = (pool: pg.Pool) =>
    pool.on('acquire', ({ connection }) => connection.once('commandComplete', () => connection.stream.destroy()))

  test('is told to whoever reads from a cursor, on the pool or on a client', async () => {
    const pool = on.flushing()
    loseThem(pool)
    const lost = { message: 'Connection terminated unexpectedly' }
    expect(await reasonOf(pool.query(new Cursor('select 1')).read(9))).toMatchObject(lost)
    const client = await pool.connect()
    expect(await reasonOf(client.query(new Cursor('select 1')).read(9))).toMatchObject(lost)
    client.release()
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test('is told to nobody else: only a cursor waits for what it would have said', async () => {
    const pool = on.flushing()
    const client = await pool.connect()
    await client.query('select 1')
    const heard: string[] = []
    client.on('drain', () => heard.push('drain'))
    const ended = new Promise<void>((resolve) => client.once('end', resolve))
    client.connection.stream.destroy()
    await ended
    client.connection.on('notice', () => heard.push('notice'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard).toEqual([])
    client.release()
  })

  test('is told to whoever reads from a stream', async () => {
    const pool = on.flushing()
    loseThem(pool)
    const stream = pool.query(new QueryStream('select 1'))
    expect(await reasonOf(stream.toArray())).toMatchObject({ message: 'Connection terminated unexpectedly' })
    expect(pool.$flusher.stats().leases).toBe(0)
  })
})

describe('a stream', () => {
  test('holds its lease to its last row, across a flush', async () => {
    const pool = on.flushing({ max: 1 })
    const seen: number[] = []
    const stream = pool.query(new QueryStream(hundred, [], { batchSize: 10 }))
    await pipeline(
      stream,
      new Writable({
        objectMode: true,
        async write({ n }, _, done) {
          seen.push(n)
          if (n === 50) {
            const report = await pool.$flush({ deadlineMs: 0, onDeadline: 'keep' })
            expect(report).toMatchObject({ drained: false, stragglers: [{ kind: 'stream' }] })
          }
          done()
        },
      }),
    )
    expect(seen).toHaveLength(100)
    await until(() => pool.$flusher.stats().retiring.length === 0)
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  })

  test('that is destroyed half-way, or before it began, gives its lease back', async () => {
    const pool = on.flushing({ max: 1 })
    for await (const { n } of pool.query(new QueryStream(hundred, [], { batchSize: 10 }))) if (n === 20) break
    await until(() => pool.$flusher.stats().leases === 0)
    pool.query(new QueryStream(hundred)).destroy()
    await until(() => pool.$flusher.stats().leases === 0)
    await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  })

  test('calls a callback at its end', async () => {
    const pool = on.flushing()
    const stream = new QueryStream(hundred)
    const ended = new Promise<unknown>((resolve) => Reflect.apply(pool.query, pool, [stream, resolve]))
    stream.resume()
    expect(await ended).toBeNull()
    expect(pool.$flusher.stats().leases).toBe(0)
  })

  test.each(['is cut', 'is lost'])(
    'ends with an error when its connection %s, also while it is being closed',
    async (how) => {
      // What was cut before may execute its statement still.
      await on.server.killBackends()
      const pool = on.flushing({ max: 2 })
      const ask = () => pool.query(new QueryStream('select pg_sleep(61), n from generate_series(1, 9) as n'))
      const [read, closed] = [ask(), ask()]
      const failed = reasonOf(read.toArray())
      const gone = new Promise((resolve) => closed.once('close', resolve))
      // Nobody hears of it: it was closed.
      closed.on('error', () => {}).resume()
      await until(async () => (await on.server.backends()).filter(({ state }) => state === 'active').length === 2)
      closed.destroy()
      const ends = how === 'is cut' ? pool.$flush({ deadlineMs: 0, onDeadline: 'cut' }) : on.server.killBackends()
      expect(await failed).toMatchObject({ code: how === 'is cut' ? 'CUT' : '57P01' })
      await Promise.all([ends, gone])
      await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
    },
  )
})
