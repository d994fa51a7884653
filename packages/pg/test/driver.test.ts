import { type Driver, PeriodicFlushError } from '@periodic-flush/core'
import pg, { type Pool, type PoolConfig } from 'pg'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { pgDriver } from '../src/driver.ts'
import { reasonOf, stage, until } from './stage.ts'

const on = stage()
const never = new AbortController().signal

function driven(config: PoolConfig = {}): { driver: Required<Driver<Pool>>; pool: Pool } {
  const pool = on.native(config)
  const driver = pgDriver(
    () => pool,
    () => {},
    () => {},
  ) as Required<Driver<Pool>>
  driver.open(never)
  return { driver, pool }
}

/** Where a pool would connect; the connection string of the stage is left out. */
function endpointsOf(config: PoolConfig) {
  const { driver, pool } = driven({ connectionString: undefined, ...config })
  return driver.endpoints(pool)
}

describe('endpoints', () => {
  afterEach(() => vi.unstubAllEnvs())

  test.each<[string, PoolConfig, object[]]>([
    ['options', { host: 'db.test', port: 6000 }, [{ host: 'db.test', port: 6000 }]],
    ['a host alone', { host: 'db.test' }, [{ host: 'db.test', port: 5432 }]],
    ['nothing', {}, [{ host: 'localhost', port: 5432 }]],
    ['a URL', { connectionString: 'postgres://u:p@db.test:6000/app' }, [{ host: 'db.test', port: 6000 }]],
    ['a URL without a port', { connectionString: 'postgresql://db.test/app' }, [{ host: 'db.test', port: 5432 }]],
    ['an IPv6 address', { connectionString: 'postgres://[::1]:6000/app' }, [{ host: '::1', port: 6000 }]],
    [
      'parameters of a URL',
      { connectionString: 'postgres:///app?host=db.test&port=6000' },
      [{ host: 'db.test', port: 6000 }],
    ],
    ['a Unix socket', { host: '/var/run/postgresql' }, []],
    ['a Unix socket in a string', { connectionString: '/var/run/postgresql app' }, []],
    ['a Unix socket in a URL', { connectionString: 'postgres:///app?host=/var/run/postgresql' }, []],
  ])('of %s are those that pg connects to', (_, config, expected) => {
    expect(endpointsOf(config)).toEqual(expected)
  })

  test('come from PGHOST and PGPORT where nothing else tells', () => {
    vi.stubEnv('PGHOST', 'env.test')
    vi.stubEnv('PGPORT', '6001')
    expect(endpointsOf({})).toEqual([{ host: 'env.test', port: 6001 }])
    expect(endpointsOf({ host: 'db.test' })).toEqual([{ host: 'db.test', port: 6001 }])
  })

  test('are found out once, by a client that connects nowhere, and opens no stream', () => {
    const made: unknown[] = []
    class OwnClient extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        super(config)
        made.push(this)
      }
    }
    const stream = () => {
      throw new Error('nobody wants to connect')
    }
    const { driver, pool } = driven({ host: 'db.test', Client: OwnClient, stream } as unknown as PoolConfig)
    expect(driver.endpoints(pool)).toEqual(driver.endpoints(pool))
    expect(made).toHaveLength(1)
  })

  test('are asked for without a connection', () => {
    const { driver, pool } = driven()
    expect(driver.endpoints(pool)).toEqual([{ host: on.server.host, port: on.server.port }])
    expect(driver.connections(pool)).toBe(0)
  })
})

describe('the driver', () => {
  test('checks, warms one by one, tells where it is connected, shrinks and closes', async () => {
    const { driver, pool } = driven({ max: 5 })
    expect(driver.limit(pool)).toBe(5)
    await driver.check(pool, never)
    expect(driver.connections(pool)).toBe(1)
    await driver.warm(pool, 4, never)
    expect(driver.connections(pool)).toBe(4)
    expect(new Set(driver.peers(pool))).toEqual(new Set([`${on.server.host}:${on.server.port}`]))
    expect(await on.server.backends()).toHaveLength(4)
    await Promise.all([driver.shrink(pool, 1), driver.shrink(pool, 1)])
    expect(driver.connections(pool)).toBe(2)
    const busy = await pool.connect()
    // Both at once, as when leases end in a burst: neither may open a connection in order to close it.
    let opened = 0
    pool.on('connect', () => opened++)
    await Promise.all([driver.retire(pool, 1), driver.retire(pool, 1)])
    expect({ connections: driver.connections(pool), opened }).toEqual({ connections: 1, opened: 0 })
    busy.release()
    await driver.close(pool)
    expect(driver.connections(pool)).toBe(0)
    expect(await on.server.backends()).toEqual([])
  })

  test('has closed every socket when it says that it has closed', async () => {
    const { driver, pool } = driven({ max: 3 })
    await driver.warm(pool, 3, never)
    await driver.close(pool)
    expect(driver.connections(pool)).toBe(0)
  })

  test('outlives an idle connection that is lost, though nobody listens', async () => {
    const { driver, pool } = driven()
    await driver.check(pool, never)
    await on.server.killBackends()
    await until(() => pool.totalCount === 0)
  })

  test('does nothing once it is told to stop, and no harm when it is told so too late', async () => {
    const { driver, pool } = driven({ max: 3 })
    const stopped = AbortSignal.abort(new Error('too late'))
    expect(await reasonOf(driver.check(pool, stopped))).toMatchObject({ message: 'too late' })
    await driver.warm(pool, 3, stopped)
    expect(driver.connections(pool)).toBe(0)
    const later = new AbortController()
    await driver.check(pool, later.signal)
    later.abort()
    expect(pool.ending).toBe(false)
    expect(driver.connections(pool)).toBe(1)
    driver.cut(pool)
    expect(pool.ending).toBe(true)
  })

  test('knows no limit where the pool has none: pg compares with whatever it was told', () => {
    const limitOf = (max: unknown) => {
      const { driver, pool } = driven({ max: max as number })
      return driver.limit(pool)
    }
    expect(['7', 7, 0, 'ten'].map(limitOf)).toEqual([7, 7, 10, Number.POSITIVE_INFINITY])
  })

  test('closes the connection on which its question has failed', async () => {
    const { driver, pool } = driven()
    pool.once('connect', (client) => void client.query('begin; select 1 / 0').catch(() => {}))
    expect(await reasonOf(driver.check(pool, never))).toMatchObject({ code: '25P02' })
    expect(pool).toMatchObject({ totalCount: 0 })
    await driver.check(pool, never)
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('says whether the server takes writes', async () => {
    const { driver, pool } = driven()
    expect(await driver.writable(pool, never)).toBe(true)
    const reading = driven({ options: '-c default_transaction_read_only=on' })
    expect(await reading.driver.writable(reading.pool, never)).toBe(false)
    // With a parser of the user's own each value may be anything.
    const types = { getTypeParser: () => (value: string) => `parsed ${value}` }
    for (const [options, expected] of [
      ['off', true],
      ['on', false],
    ]) {
      const parsing = driven({ types, options: `-c default_transaction_read_only=${options}` } as PoolConfig)
      expect(await parsing.driver.writable(parsing.pool, never)).toBe(expected)
    }
  })

  test('drops its sockets when the check is aborted, and when it is cut', async () => {
    const { driver, pool } = driven()
    await on.server.freeze()
    const over = new AbortController()
    const checked = reasonOf(driver.check(pool, over.signal))
    const cut = driven()
    const asked = reasonOf(cut.pool.query('select 1'))
    await until(() => driver.connections(pool) === 1 && cut.driver.connections(cut.pool) === 1)
    over.abort()
    cut.driver.cut(cut.pool)
    cut.driver.cut(cut.pool)
    expect(await checked).toMatchObject({ message: 'Connection terminated unexpectedly' })
    expect(await asked).toMatchObject({ message: 'Connection terminated unexpectedly' })
    await until(() => driver.connections(pool) === 0 && cut.driver.connections(cut.pool) === 0)
    await on.server.thaw()
  })

  test('tells the sockets of TLS apart from nothing: they are counted as they connect', async () => {
    const { driver, pool } = driven({ ssl: { rejectUnauthorized: false } })
    expect(await reasonOf(driver.check(pool, never))).toMatchObject({
      message: 'The server does not support SSL connections',
    })
    await until(() => driver.connections(pool) === 0)
  })
})

describe('suspect', () => {
  const { suspect } = pgDriver(
    () => new pg.Pool(),
    () => {},
    () => {},
  ) as Required<Driver<Pool>>

  test('knows a server that reads only, shuts down or is lost, by what it really says', async () => {
    const reading = on.native({ options: '-c default_transaction_read_only=on' })
    expect(suspect(await reasonOf(reading.query('create table never (n int)')))).toBe('read-only')
    const pool = on.native({ max: 1 })
    pool.on('error', () => {})
    const sleeping = reasonOf(pool.query('select pg_sleep(60)'))
    await until(async () => (await on.server.backends()).some(({ query }) => query.includes('pg_sleep')))
    await on.server.killBackends()
    expect(suspect(await sleeping)).toBe('shutdown')
    const refused = await reasonOf(on.native({ connectionString: 'postgres://u@127.0.0.1:1/none' }).query('select 1'))
    expect(suspect(refused)).toBe('lost')
  })

  test.each([
    ['57P02', 'shutdown'],
    ['57P03', 'shutdown'],
    ['08006', 'lost'],
    ['ECONNRESET', 'lost'],
    ['EPIPE', 'lost'],
    ['ETIMEDOUT', 'lost'],
    ['EHOSTUNREACH', 'lost'],
    ['ENETUNREACH', 'lost'],
    // A database that was dropped, and a session that idled for too long: the server is well.
    ['57P04', undefined],
    ['57P05', undefined],
    // No SQLSTATE has more than five characters.
    ['08', undefined],
    ['080061', undefined],
    ['X08006', undefined],
    ['57P011', undefined],
    ['X57P01', undefined],
    ['250061', undefined],
    [25006, undefined],
    [['08006'], undefined],
    ['22012', undefined],
    ['57014', undefined],
  ])('takes a code of %j for %s', (code, expected) => {
    expect(suspect(Object.assign(new Error('of some kind'), { code }))).toBe(expected)
  })

  test('takes an unexpected end for a loss, and what is no error of a server for nothing', () => {
    expect(suspect(new Error('Connection terminated unexpectedly'))).toBe('lost')
    expect(suspect(new Error('Connection terminated due to connection timeout'))).toBe('lost')
    const lookalikes = [new Error('No Connection terminated'), { message: 'Connection terminated unexpectedly' }]
    for (const other of [undefined, null, 'lost', new PeriodicFlushError('CLOSED', 'closed'), {}, ...lookalikes]) {
      expect(suspect(other)).toBeUndefined()
    }
  })
})
