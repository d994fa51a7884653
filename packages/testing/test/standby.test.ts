import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type FailoverPair, failoverPair, startPostgres, startPostgresStandby } from '../src/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

async function connected(url: string): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client(url)
  client.on('error', () => undefined)
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

describe('a standby', () => {
  let pair: FailoverPair
  beforeAll(async () => {
    pair = await failoverPair({ replicated: true })
  })
  afterAll(() => pair.stop())

  test('answers with what was written on the primary, and refuses to write', async () => {
    const { blue, green } = pair
    const database = await blue.createDatabase()
    await blue.query('create table entry (id int)', [], database)
    await blue.query('insert into entry values (1)', [], database)
    await green.caughtUpWith(blue)
    await using reader = await connected(green.url({ database }))
    expect((await reader.client.query('select id from entry')).rows).toEqual([{ id: 1 }])
    await expect(reader.client.query('insert into entry values (2)')).rejects.toMatchObject({ code: '25006' })
    await expect(green.query('insert into entry values (2)', [], database)).rejects.toMatchObject({ code: '25006' })
  })

  test('streams: an open connection sees a row that is written now', async () => {
    const { blue, green } = pair
    const database = await blue.createDatabase()
    await blue.query('create table entry (id int)', [], database)
    await green.caughtUpWith(blue)
    await using reader = await connected(green.url({ database }))
    expect((await reader.client.query('select id from entry')).rows).toEqual([])
    await blue.query('insert into entry values (1)', [], database)
    await expect.poll(async () => (await reader.client.query('select id from entry')).rows).toEqual([{ id: 1 }])
    expect(await blue.query('select state from pg_stat_replication')).toEqual([{ state: 'streaming' }])
  })

  test('is a server of its own: what is said of the primary is not said of it', async () => {
    const { blue, green } = pair
    expect([blue.host, green.host, green.port, green.name]).toEqual(['127.0.0.1', '127.0.0.2', blue.port, 'green'])
    await using _connection = await connected(blue.url({ applicationName: 'on blue' }))
    expect(await blue.backends({ applicationName: 'on blue' })).toHaveLength(1)
    expect(await green.backends()).toEqual([])
    expect(await blue.backends({ applicationName: 'walreceiver' })).toEqual([])
  })
})

test('a promoted standby accepts writes, also of connections that are open, and when its primary is frozen', async () => {
  await using pair = await failoverPair({ replicated: true })
  const { blue, green } = pair
  await blue.query('create table entry (id int)')
  await green.caughtUpWith(blue)
  await using open = await connected(green.url())
  await expect(open.client.query('insert into entry values (1)')).rejects.toMatchObject({ code: '25006' })
  await blue.freeze()
  await green.promote()
  await open.client.query('insert into entry values (1)')
  expect(await green.query('select id from entry')).toEqual([{ id: 1 }])
  await expect(green.promote()).rejects.toMatchObject({ code: '55000' })
})

test('a promoted standby that restarts is still a primary', async () => {
  await using pair = await failoverPair({ replicated: true })
  await pair.green.promote()
  await pair.green.restart()
  await pair.green.query('create table entry (id int)')
})

test('a promoted standby can have a standby, so that a failover can be failed back', async () => {
  await using pair = await failoverPair({ replicated: true })
  const { blue, green } = pair
  await blue.query('create table entry as select 1 as id')
  await green.caughtUpWith(blue)
  await green.promote()
  await blue.stop()
  await green.query('insert into entry values (2)')
  await using back = await startPostgresStandby(green, { host: blue.host, port: blue.port })
  expect(await back.query('select id from entry')).toEqual([{ id: 1 }, { id: 2 }])
})

test('a standby has the settings, the login and the database of its primary, and settings of its own', async () => {
  await using primary = await startPostgres({
    auth: 'trust',
    maxConnections: 300,
    database: 'app',
    settings: { work_mem: '3MB' },
  })
  await using standby = await startPostgresStandby(primary, { settings: { recovery_min_apply_delay: '1ms' } })
  const [row] = await standby.query(
    `select current_database() as database, current_setting('max_connections') as connections,
            current_setting('work_mem') as "workMem", current_setting('recovery_min_apply_delay') as delay`,
  )
  expect(row).toEqual({ database: 'app', connections: '300', workMem: '3MB', delay: '1ms' })
  await using connection = await connected(standby.url().replace(':postgres@', ':wrong@'))
  expect((await connection.client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('a standby takes what its primary wrote before, over checkpoints', async () => {
  await using primary = await startPostgres()
  await primary.query('create table entry as select generate_series(1, 100000) as id')
  for (let checkpoint = 0; checkpoint < 3; checkpoint += 1) await primary.query('checkpoint')
  await using standby = await startPostgresStandby(primary)
  expect(await standby.query('select count(*)::int as entries from entry')).toEqual([{ entries: 100_000 }])
})

test('a standby takes the options that are its own, and no others', async () => {
  await using primary = await startPostgres()
  const start = (options: unknown) => Reflect.apply(startPostgresStandby, undefined, [primary, options])
  await expect(start({ auth: 'trust' })).rejects.toThrow(
    'Unknown option `auth` in `options`: expected host, name, port',
  )
  await expect(start({ host: 'localhost' })).rejects.toThrow(RangeError)
  await expect(start({ settings: { primary_conninfo: '' } })).rejects.toThrow('without config_file')
})

test('a standby at the address of its primary has a port of its own', async () => {
  await using primary = await startPostgres()
  await using standby = await startPostgresStandby(primary, { host: primary.host })
  expect(standby.port).not.toBe(primary.port)
  expect(await standby.query('select pg_is_in_recovery() as standby')).toEqual([{ standby: true }])
})

test('waiting for a server that follows nobody fails at once', async () => {
  await using one = await startPostgres()
  await using two = await startPostgres({ name: 'two' })
  await expect(two.caughtUpWith(one)).rejects.toMatchObject({
    code: 'REPLICATION_FAILED',
    message: `PostgreSQL "two" at 127.0.0.1:${two.port} is no standby`,
  })
})

test('a primary that takes no standby is served on, and the standby says why it failed', async () => {
  await using primary = await startPostgres({ settings: { wal_level: 'minimal', max_wal_senders: '0' } })
  await expect(startPostgresStandby(primary)).rejects.toMatchObject({ name: 'TestingError', code: 'START_FAILED' })
  expect(await primary.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('a read-only server refuses writes of open and new connections, but not of its handle, until it is writable', async () => {
  await using server = await startPostgres()
  await server.query('create table entry (id int)')
  await using open = await connected(server.url())
  await using busy = await connected(server.url())
  await busy.client.query('begin')
  await busy.client.query('insert into entry values (0)')
  await server.readOnly(true)
  const insert = 'insert into entry values (1)'
  const refused = { code: '25006', message: 'cannot execute INSERT in a read-only transaction' }
  await expect(open.client.query(insert)).rejects.toMatchObject(refused)
  await using late = await connected(server.url())
  await expect(late.client.query(insert)).rejects.toMatchObject(refused)
  expect((await late.client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await busy.client.query(insert)
  await busy.client.query('commit')
  await expect(busy.client.query(insert)).rejects.toMatchObject(refused)
  await server.query('insert into entry values (2)')
  await server.readOnly(false)
  for (const { client } of [open, busy, late]) await client.query(insert)
  expect(await server.query('select count(*)::int as entries from entry')).toEqual([{ entries: 6 }])
})
