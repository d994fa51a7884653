import { EventEmitter } from 'node:events'
import * as callback from 'mysql2'
import * as promise from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { called, eventually, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** The public members of a pool that are not an EventEmitter's. */
function membersOf(pool: object): string[] {
  const members = new Set(Object.keys(pool))
  for (let at = Object.getPrototypeOf(pool); at !== EventEmitter.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at)) members.add(String(name))
  }
  return [...members].filter((name) => !name.startsWith('_') && name !== 'constructor').sort()
}

type Promised = promise.Pool | promise.PoolConnection

const rowsOf = async (work: Promise<[unknown, unknown]>): Promise<unknown> => (await work)[0]

/** One use of each member that a pool and its connections share, in each of its forms; what it gives is compared. */
const shared: Record<string, (of: Promised) => Promise<unknown>> = {
  'query(text)': (of) => rowsOf(of.query('select 1 as a')),
  'query(text, values)': (of) => rowsOf(of.query('select ? as a', [2])),
  'query(options)': (of) => rowsOf(of.query({ sql: 'select ? as a', values: [3], rowsAsArray: true })),
  'query(options, values)': (of) => rowsOf(of.query({ sql: 'select ? as a' }, [4])),
  'query with named placeholders': (of) =>
    rowsOf(of.query({ sql: 'select :a as a', namedPlaceholders: true }, { a: 5 } as never)),
  'query with a typeCast of its own': (of) =>
    rowsOf(of.query({ sql: `select 'six' as a`, typeCast: (field) => `cast ${field.string()}` })),
  'the fields of query': async (of) => (await of.query('select 7 as a'))[1].map(({ name }) => name),
  'execute(text)': (of) => rowsOf(of.execute('select 1 as a')),
  'execute(text, values)': (of) => rowsOf(of.execute('select ? as a', [2])),
  'execute(options)': (of) => rowsOf(of.execute({ sql: 'select ? as a', values: [3] })),
  'execute(options, values)': (of) => rowsOf(of.execute({ sql: 'select ? as a' }, [4])),
  'a statement that fails': (of) => of.query('select * from nothing').catch(({ code }) => code),
  'format, escape, escapeId': async (of) => [of.format('??, ?', ['a', 'b']), of.escape("a'"), of.escapeId('a`b')],
}

/** And of those that only a connection has. */
const ofConnection: Record<string, (connection: promise.PoolConnection) => Promise<unknown>> = {
  ping: (connection) => connection.ping(),
  'config, threadId, connect()': async (connection) => {
    await connection.connect()
    const id = (await connection.query<promise.RowDataPacket[]>(ownId))[0][0]?.['id']
    return [connection.config.database, connection.threadId === id]
  },
  'pause, resume': async (connection) => {
    const asked = connection.query('select 1 as a')
    connection.pause()
    connection.resume()
    return rowsOf(asked)
  },
  'prepare, execute, close, unprepare': async (connection) => {
    const statement = await connection.prepare('select ? + 1 as a')
    const rows = (await statement.execute([1]))[0]
    await statement.close()
    connection.unprepare('select ? + 1 as a')
    return rows
  },
}

/** The same for the callback flavour. */
const ofCallbackConnection: Record<string, (connection: callback.PoolConnection) => Promise<unknown>> = {
  'config, threadId, authorized, state': async (connection) => [
    connection.config.database,
    connection.threadId === (await called<{ id: number }[]>((done) => connection.query(ownId, done as never)))[0]?.id,
    connection.authorized,
    connection.state,
  ],
  'connect(callback)': (connection) => called((done) => connection.connect((error) => done(error, 'connected'))),
  'execute(sql, values, callback)': (connection) =>
    called((done) => connection.execute('select ? as a', [1], done as never)),
  'prepare(sql, callback), execute, close, unprepare': async (connection) => {
    const sql = 'select ? + 1 as a'
    const statement = await called<callback.PrepareStatementInfo>((done) => connection.prepare(sql, done))
    const rows = await called((done) => statement.execute([1], done as never))
    statement.close()
    connection.unprepare(sql)
    return rows
  },
  'ping(callback), reset(callback)': async (connection) => [
    await called((done) => connection.ping(done)),
    await called((done) => connection.reset(done)),
  ],
  'beginTransaction, commit, rollback (callback)': async (connection) => {
    const counts = []
    for (const end of ['commit', 'rollback'] as const) {
      await called((done) => connection.beginTransaction(done))
      await called((done) => connection.query('insert into numbers values (1)', done as never))
      await called((done) => connection[end](done))
      counts.push(await called((done) => connection.query('select count(*) as n from numbers', done as never)))
    }
    await called((done) => connection.query('delete from numbers', done as never))
    return counts
  },
  'changeUser(options, callback)': async (connection) => {
    await called((done) => connection.changeUser({ database: 'test' }, done))
    const rows = await called((done) => connection.query('select database() as name', done as never))
    await called((done) => connection.changeUser({ database: 'app' }, done))
    return rows
  },
  'escape, escapeId, format of a connection': async (connection) => [
    connection.escape("a'"),
    connection.escapeId(['a', 'b']),
    connection.format('??, ?', ['a', 'b']),
  ],
  // It warns, and gives the connection back: so it comes last.
  'end(callback)': async (connection) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await called((done) => connection.end(done))
    const warned = warn.mock.calls
    warn.mockRestore()
    return warned
  },
}

const ownId = 'select connection_id() as id'

/** Those that end whatever transaction there is. */
const ofFreeConnection: typeof ofConnection = {
  'beginTransaction, commit': async (connection) => {
    await connection.beginTransaction()
    await connection.query('insert into numbers values (1)')
    await connection.commit()
    const count = (await connection.query('select count(*) as n from numbers'))[0]
    await connection.query('delete from numbers')
    return count
  },
  'beginTransaction, rollback': async (connection) => {
    await connection.beginTransaction()
    await connection.query('insert into numbers values (1)')
    await connection.rollback()
    return (await connection.query('select count(*) as n from numbers'))[0]
  },
  reset: async (connection) => {
    await connection.query('set @mine = 1')
    await connection.reset()
    return (await connection.query('select @mine as mine'))[0]
  },
  changeUser: async (connection) => {
    await connection.changeUser({ database: 'test' })
    const name = (await connection.query('select database() as name'))[0]
    await connection.changeUser({ database: 'app' })
    return name
  },
}

describe.runIf(mariadbInstalled)('the members of a pool', () => {
  const on = stage('members')

  test('are those that the pinned version of mysql2 has', async () => {
    // A member that a new version brings must be thought of: it would act on a pool that never connects.
    const natives = [callback.createPool({}), promise.createPool({})] as const
    expect(natives.map(membersOf)).toEqual([
      [
        ...['Symbol(nodejs.dispose)', 'config', 'end', 'escape', 'escapeId', 'execute', 'format', 'getConnection'],
        ...['promise', 'query', 'releaseConnection'],
      ],
      [
        ...['Promise', 'Symbol(nodejs.asyncDispose)', 'end', 'escape', 'escapeId', 'execute', 'format'],
        ...['getConnection', 'pool', 'query', 'releaseConnection'],
      ],
    ])
    await natives[1].end()
    await called((done) => natives[0].end(done))
  })

  const native = async (use: (connection: promise.PoolConnection) => Promise<unknown>, work?: 'in a transaction') => {
    const pool = promise.createPool({ uri: on.pair.url(), connectionLimit: 1 })
    try {
      const connection = await pool.getConnection()
      if (work !== undefined) await connection.beginTransaction()
      return await use(connection)
    } finally {
      await pool.end()
    }
  }

  test.each(Object.entries(shared))('flushed every 50 ms: %s gives what it gives natively', async (_, use) => {
    const expected = await native(use)
    const pool = on.promise({}, { intervalMs: 50, jitter: 0 })
    do {
      await pool.query('select 1')
      expect(await use(pool)).toEqual(expected)
    } while (pool.$flusher.stats().flushes < 3)
  })

  test.each(Object.entries({ ...shared, ...ofConnection, ...ofFreeConnection }))(
    'on a connection, flushed every 50 ms: %s',
    async (_, use) => {
      const expected = await native(use)
      const pool = on.promise({}, { intervalMs: 50, jitter: 0, deadlineMs: 10 })
      const connection = await pool.getConnection()
      const { threadId } = connection
      do {
        await pool.query('select 1')
        expect(await use(connection)).toEqual(expected)
      } while (pool.$flusher.stats().flushes < 3)
      expect(await value(connection as never, 'select connection_id()')).toBe(threadId)
      connection.release()
    },
  )

  test.each(Object.entries(ofCallbackConnection))(
    'on a connection of the callback flavour, before a flush and after it: %s',
    async (name, use) => {
      const borrowed = (of: callback.Pool) => called<callback.PoolConnection>((done) => of.getConnection(done as never))
      const native = callback.createPool({ uri: on.pair.url(), connectionLimit: 1 })
      const expected = await use(await borrowed(native))
      await native.promise().end()
      const pool = on.callback()
      const connection = await borrowed(pool)
      if (name !== 'end(callback)') expect(await use(connection)).toEqual(expected)
      await pool.$flush({ wait: 'swapped' })
      expect(pool.$flusher.stats().retiring).toMatchObject([{ leases: 1 }])
      expect(await use(connection)).toEqual(expected)
      connection.release()
      expect(pool.$flusher.stats().retiring).toMatchObject([{ leases: 0 }])
    },
  )

  test('releaseConnection of a callback pool takes connections of either flavour', async () => {
    // So it is declared; natively one of the promise flavour is not given back.
    const pool = on.callback({ connectionLimit: 1 })
    const borrowed = () => called<callback.PoolConnection>((done) => pool.getConnection(done as never))
    pool.releaseConnection(await borrowed())
    expect(pool.$flusher.stats().leases).toBe(0)
    const twice = await borrowed()
    await pool.$flush({ wait: 'swapped' })
    pool.releaseConnection(twice.promise())
    pool.releaseConnection(twice)
    expect(pool.$flusher.stats().retiring).toMatchObject([{ leases: 0 }])
    await eventually(
      () => pool.$flusher.stats().retiring,
      ({ length }) => length === 0,
    )
    expect(await value(pool.promise(), 'select 1')).toBe(1)
  })

  test.each(Object.entries({ ...shared, ...ofConnection }))(
    'in the middle of a transaction: %s gives what it gives natively, before a flush and after it',
    async (_, use) => {
      const expected = await native(use, 'in a transaction')
      const pool = on.promise()
      const connection = await pool.getConnection()
      await connection.beginTransaction()
      await connection.query('insert into numbers values (1)')
      expect(await use(connection)).toEqual(expected)
      await pool.$flush({ wait: 'swapped' })
      expect(await use(connection)).toEqual(expected)
      await connection.rollback()
      connection.release()
      expect(await value(pool, 'select count(*) from numbers')).toBe(0)
      await eventually(
        () => pool.$flusher.stats().retiring,
        ({ length }) => length === 0,
      )
    },
  )
})
