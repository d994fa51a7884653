import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type PostgresServer, startPostgres, startPostgresServers } from '../src/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(() => server.stop())

async function connected(url: string): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client(url)
  client.on('error', () => undefined)
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

/** The states of a server's processes, the postmaster first: T is stopped. */
function processStates(pid: number): string[] {
  const forked = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const states = execFileSync('ps', ['-o', 'stat=', '-p', [pid, ...forked].join(',')], { encoding: 'utf8' })
  return states
    .trim()
    .split('\n')
    .map((state) => state.trim().charAt(0))
}

async function dataDirectory(of: PostgresServer): Promise<string> {
  const [row] = await of.query<{ data_directory: string }>('show data_directory')
  if (row === undefined) throw new TypeError('Expected a row')
  return row.data_directory
}

test('a client connects with the URL, and only with the right password', async () => {
  await using connection = await connected(server.url({ applicationName: 'a client' }))
  const { rows } = await connection.client.query('select current_user as user, current_database() as database')
  expect(rows).toEqual([{ user: 'postgres', database: 'postgres' }])
  const wrong = new Client(server.url().replace(':postgres@', ':wrong@'))
  await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' })
})

test('a URL names the host, database and application that it was asked for', () => {
  expect(server.url()).toBe(`postgres://postgres:postgres@127.0.0.1:${server.port}/postgres`)
  expect(server.url({ host: 'db.test', database: 'a b', applicationName: 'c d' })).toBe(
    `postgres://postgres:postgres@db.test:${server.port}/a%20b?application_name=c%20d`,
  )
  expect(server.url({ host: '::1' })).toContain('@[::1]:')
})

test('queries take values, and of several statements give the last rows', async () => {
  expect(await server.query('select $1::int + 1 as sum', [41])).toEqual([{ sum: 42 }])
  expect(await server.query('select 1 as a; select 2 as b')).toEqual([{ b: 2 }])
})

test('queries that run at once do not wait for each other', async () => {
  const cancelled = expect(server.query('select pg_sleep(1000)')).rejects.toMatchObject({ code: '57014' })
  const cancel = () =>
    server.query("select pg_cancel_backend(pid) from pg_stat_activity where query = 'select pg_sleep(1000)'")
  await expect.poll(cancel).toEqual([{ pg_cancel_backend: true }])
  await cancelled
})

test('a failed query keeps the error of PostgreSQL', async () => {
  await expect(server.query('select * from missing')).rejects.toMatchObject({ code: '42P01' })
})

test('databases have a name of their own unless one is given, and are no longer in use after a query', async () => {
  const first = await server.createDatabase()
  const second = await server.createDatabase()
  expect(first).not.toBe(second)
  expect(await server.createDatabase('Quo"ted')).toBe('Quo"ted')
  expect(await server.query('select current_database() as name', [], 'Quo"ted')).toEqual([{ name: 'Quo"ted' }])
  await server.query('select 1', [], first)
  await server.query(`drop database ${first}`)
})

test('backends are those of clients, filtered, and not our own', async () => {
  const database = await server.createDatabase()
  await using one = await connected(server.url({ database, applicationName: 'one' }))
  await using _two = await connected(server.url({ database, applicationName: 'two' }))
  await one.client.query('select 1 as one')
  const all = await server.backends({ database })
  expect(all.map(({ applicationName }) => applicationName)).toEqual(['one', 'two'])
  expect(await server.backends({ database, applicationName: 'one', user: 'postgres' })).toEqual([
    {
      pid: expect.any(Number),
      applicationName: 'one',
      database,
      user: 'postgres',
      state: 'idle',
      query: 'select 1 as one',
      clientPort: (one.client.connection.stream as Socket).localPort,
      backendStart: expect.any(Date),
    },
  ])
  expect(await server.backends({ user: 'nobody' })).toEqual([])
  const everybody = await server.backends()
  expect(everybody.filter(({ applicationName }) => applicationName === 'periodic-flush-testing')).toEqual([])
})

test('killed backends are gone, and their clients are told so by the administrator', async () => {
  const url = server.url({ applicationName: 'to be killed' })
  const doomed = await Promise.all(Array.from({ length: 8 }, () => connected(url)))
  await using other = await connected(server.url({ applicationName: 'to live' }))
  const told = doomed.map(({ client }) =>
    expect(client.query('select pg_sleep(1000)')).rejects.toMatchObject({ code: '57P01' }),
  )
  expect(await server.killBackends({ applicationName: 'to be killed' })).toBe(8)
  expect(await server.backends({ applicationName: 'to be killed' })).toEqual([])
  await Promise.all(told)
  expect((await other.client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  expect(await server.killBackends({ applicationName: 'to be killed' })).toBe(0)
})

test('killing waits for a backend that takes its time', async () => {
  await using _connection = await connected(server.url({ applicationName: 'takes its time' }))
  const [backend] = await server.backends({ applicationName: 'takes its time' })
  if (!backend) throw new TypeError('Expected a backend')
  process.kill(backend.pid, 'SIGSTOP')
  let killed = false
  const killing = server.killBackends({ applicationName: 'takes its time' }).finally(() => {
    killed = true
  })
  for (let asked = 0; asked < 20; asked += 1) await server.query('select 1')
  expect(killed).toBe(false)
  process.kill(backend.pid, 'SIGCONT')
  expect(await killing).toBe(1)
})

test('a frozen server answers nothing until it is thawed', async () => {
  await using connection = await connected(server.url())
  await using other = await startPostgres()
  await server.freeze()
  try {
    expect(new Set(processStates(server.pid))).toEqual(new Set(['T']))
    let answered = false
    const running = connection.client.query('select 1 as one').finally(() => {
      answered = true
    })
    // Another server has answered many questions that were asked later.
    for (let asked = 0; asked < 20; asked += 1) await other.query('select 1')
    expect(answered).toBe(false)
    await server.thaw()
    expect((await running).rows).toEqual([{ one: 1 }])
    expect(processStates(server.pid)).not.toContain('T')
  } finally {
    await server.thaw()
  }
})

test('what would ask a frozen server fails at once', async () => {
  await server.freeze()
  await server.freeze()
  try {
    expect(server.state).toBe('frozen')
    const frozen = {
      name: 'TestingError',
      code: 'FROZEN',
      message: expect.stringContaining('is frozen: thaw it first'),
    }
    await expect(server.query('select 1')).rejects.toMatchObject(frozen)
    await expect(server.query('select 1', [], 'other')).rejects.toMatchObject(frozen)
    await expect(server.backends()).rejects.toMatchObject(frozen)
    await expect(server.killBackends()).rejects.toMatchObject(frozen)
    await expect(server.createDatabase()).rejects.toMatchObject(frozen)
  } finally {
    await server.thaw()
  }
  expect(server.state).toBe('running')
  expect(await server.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('stop ends the processes and removes the data, and may be called again', async () => {
  const stopped = await startPostgres({ name: 'short-lived' })
  const directory = await dataDirectory(stopped)
  await using connection = await connected(stopped.url())
  const running = expect(connection.client.query('select pg_sleep(1000)')).rejects.toMatchObject({ code: '57P01' })
  expect(existsSync(directory)).toBe(true)
  const stopping = stopped.stop()
  expect(stopped.stop()).toBe(stopping)
  await stopping
  await running
  expect(existsSync(directory)).toBe(false)
  expect(() => process.kill(stopped.pid, 0)).toThrow('ESRCH')
  expect(stopped.state).toBe('stopped')
  const message = `PostgreSQL "short-lived" at 127.0.0.1:${stopped.port} is stopped`
  await expect(stopped.query('select 1')).rejects.toMatchObject({ code: 'STOPPED', message })
  await expect(stopped.freeze()).rejects.toMatchObject({ code: 'STOPPED' })
})

test('a frozen server can be stopped, in an orderly way', async () => {
  const stopped = await startPostgres()
  const directory = await dataDirectory(stopped)
  await using connection = await connected(stopped.url())
  const running = expect(connection.client.query('select pg_sleep(1000)')).rejects.toMatchObject({ code: '57P01' })
  await stopped.freeze()
  await stopped.stop()
  await running
  expect(existsSync(directory)).toBe(false)
  expect(() => process.kill(stopped.pid, 0)).toThrow('ESRCH')
})

test('a restart keeps port and data, and breaks connections; meanwhile the server counts as stopped', async () => {
  await using restarted = await startPostgres()
  const before = restarted.pid
  await restarted.query('create table entry as select 7 as id')
  await using connection = await connected(restarted.url())
  const broken = expect(connection.client.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57P01' })
  await expect.poll(() => restarted.backends()).toMatchObject([{ state: 'active' }])
  const restarting = Promise.all([restarted.restart(), restarted.restart()])
  expect(restarted.state).toBe('stopped')
  const message = `PostgreSQL at 127.0.0.1:${restarted.port} restarts`
  await expect(restarted.query('select 1')).rejects.toMatchObject({ code: 'STOPPED', message })
  await Promise.all([restarting, broken])
  expect(restarted.state).toBe('running')
  expect(restarted.pid).not.toBe(before)
  expect(await restarted.query('select id from entry')).toEqual([{ id: 7 }])
})

test('a server that is stopped while it restarts is stopped, with nothing left of it', async () => {
  const stopped = await startPostgres()
  const directory = await dataDirectory(stopped)
  await stopped.freeze()
  const restarting = stopped.restart()
  await Promise.all([stopped.stop(), restarting])
  expect(stopped.state).toBe('stopped')
  expect(existsSync(directory)).toBe(false)
  expect(() => process.kill(stopped.pid, 0)).toThrow('ESRCH')
  await expect(stopped.restart()).rejects.toMatchObject({ code: 'STOPPED' })
})

test('a server that ends by itself says so with its last words, and leaves no data', async () => {
  await using crashed = await startPostgres()
  const directory = await dataDirectory(crashed)
  process.kill(crashed.pid, 'SIGINT')
  await expect.poll(() => existsSync(directory), { timeout: 10_000 }).toBe(false)
  expect(crashed.state).toBe('stopped')
  const said = expect.stringMatching(/has ended by itself:\n.*database system is shut down/s)
  await expect(crashed.query('select 1')).rejects.toMatchObject({ code: 'STOPPED', message: said })
})

test('settings, connections, login and database are those that were asked for', async () => {
  await using other = await startPostgres({
    database: 'app',
    auth: 'trust',
    maxConnections: 17,
    settings: { work_mem: '3MB' },
  })
  const [row] = await other.query(
    `select current_database() as database, current_setting('max_connections') as connections,
            current_setting('work_mem') as "workMem"`,
  )
  expect(row).toEqual({ database: 'app', connections: '17', workMem: '3MB' })
  await using connection = await connected(other.url().replace(':postgres@', ':wrong@'))
  expect((await connection.client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('servers share one port at different addresses, each with data of its own', async () => {
  const servers = await startPostgresServers(['127.0.0.1', '127.0.0.3'])
  try {
    const [first, second] = servers
    if (!first || !second) throw new TypeError('Expected two servers')
    expect(servers.map(({ host }) => host)).toEqual(['127.0.0.1', '127.0.0.3'])
    expect(first.port).toBe(second.port)
    await first.query('create table only_here ()')
    await expect(second.query('select from only_here')).rejects.toMatchObject({ code: '42P01' })
  } finally {
    await Promise.all(servers.map((each) => each.stop()))
  }
})

test('a start that fails says why in the words of the server', async () => {
  const failing = startPostgres({ settings: { work_mem: 'plenty' } })
  const message = expect.stringMatching(
    /did not start at 127\.0\.0\.1:\d+: .*\n.*invalid value for parameter "work_mem"/s,
  )
  await expect(failing).rejects.toMatchObject({ name: 'TestingError', code: 'START_FAILED', message })
})

test('a port that is taken, and an address that is none of this machine, are named', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const bound = holder.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('Expected a port')
  await expect(startPostgres({ port: bound.port })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: `Port ${bound.port} at 127.0.0.1 is taken`,
  })
  await new Promise((resolve) => holder.close(resolve))
  await expect(startPostgres({ host: '192.0.2.1' })).rejects.toMatchObject({
    code: 'ADDRESS_UNAVAILABLE',
    message: 'This machine has no address 192.0.2.1',
  })
})
