import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import {
  type FailoverPair,
  failoverPair,
  type MariadbServer,
  mariadbAvailable,
  startMariadb,
  startMariadbServers,
} from '../src/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

async function connected(url: string): Promise<AsyncDisposable & { readonly client: Connection }> {
  const client = await createConnection({ uri: url })
  client.on('error', () => undefined)
  return { client, [Symbol.asyncDispose]: async () => client.destroy() }
}

async function rows(client: Connection, text: string): Promise<RowDataPacket[]> {
  return (await client.query<RowDataPacket[]>(text))[0]
}

/** Not in mysql2's types, but in its documentation. */
const portOf = (client: Connection) =>
  (client as unknown as { connection: { stream: Socket } }).connection.stream.localPort

/** The state of a process as the system tells it: T is stopped. */
const stateOf = (pid: number) => execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).charAt(0)

async function dataDirectory(of: MariadbServer): Promise<string> {
  const [row] = await of.query<{ directory: string }>('select @@datadir as directory')
  if (row === undefined) throw new TypeError('Expected a row')
  return row.directory
}

test.runIf(!mariadbAvailable())('a machine without MariaDB is told how to get it', async () => {
  await expect(startMariadb()).rejects.toMatchObject({
    code: 'UNSUPPORTED_PLATFORM',
    message: expect.stringContaining('apt-get install mariadb-server'),
  })
})

describe.runIf(mariadbInstalled)('a MariaDB server', () => {
  let server: MariadbServer
  beforeAll(async () => {
    server = await startMariadb()
  })
  afterAll(() => server.stop())

  test('lets a client in with the URL, and only with the right password', async () => {
    await using connection = await connected(server.url())
    expect(await rows(connection.client, 'select current_user() as user, database() as name')).toEqual([
      { user: 'root@%', name: 'test' },
    ])
    const wrong = createConnection({ uri: server.url().replace(':root@', ':wrong@') })
    await expect(wrong).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' })
    const none = createConnection({ uri: server.url().replace(':root@', '@') })
    await expect(none).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' })
  })

  test('has a URL that names the host and database that it was asked for', () => {
    expect(server.url()).toBe(`mysql://root:root@127.0.0.1:${server.port}/test`)
    expect(server.url({ host: 'db.test', database: 'a b' })).toBe(`mysql://root:root@db.test:${server.port}/a%20b`)
    expect(() => Reflect.apply(server.url, server, [{ applicationName: 'x' }])).toThrow('Unknown option')
  })

  test('answers queries with values, and of several statements gives the last rows', async () => {
    expect(await server.query('select ? + 1 as sum', [41])).toEqual([{ sum: 42 }])
    expect(await server.query('select 1 as a; select 2 as b')).toEqual([{ b: 2 }])
    expect(await server.query('create table made (id int primary key); select 3 as c')).toEqual([{ c: 3 }])
    expect(await server.query('insert into made values (1)')).toEqual([])
    expect(await server.query('select 1 as one from dual where false')).toEqual([])
    await expect(server.query('select * from missing')).rejects.toMatchObject({ code: 'ER_NO_SUCH_TABLE' })
  })

  test('runs queries at once without letting one wait for another', async () => {
    const stopped = expect(server.query('select sleep(1000) from made')).rejects.toMatchObject({
      code: 'ER_QUERY_INTERRUPTED',
    })
    const [row] = await server.query<{ id: number }>('select connection_id() as id')
    expect(row?.id).toBeTypeOf('number')
    const stop = async () => {
      const running = await server.query<{ id: number }>(
        "select id from information_schema.processlist where info = 'select sleep(1000) from made'",
      )
      for (const { id } of running) await server.query(`kill query ${id}`)
      return running.length
    }
    await expect.poll(stop).toBe(1)
    await stopped
  })

  test('gives databases a name of their own unless one is given', async () => {
    expect(await server.createDatabase()).not.toBe(await server.createDatabase())
    expect(await server.createDatabase('Quo`ted.name')).toBe('Quo`ted.name')
    expect(await server.query('select database() as name', [], 'Quo`ted.name')).toEqual([{ name: 'Quo`ted.name' }])
    expect(await server.query('select database() as name')).toEqual([{ name: 'test' }])
  })

  test('tells the backends of clients, filtered, and not its own', async () => {
    const database = await server.createDatabase()
    await using one = await connected(server.url({ database }))
    await using two = await connected(server.url({ database }))
    const ids = await Promise.all([one, two].map(({ client }) => rows(client, 'select connection_id() as id')))
    const pids = ids.map(([row]) => row?.['id'])
    const ports = [one, two].map(({ client }) => portOf(client))
    const sleeping = expect(rows(two.client, 'select sleep(1000)')).rejects.toMatchObject({ code: expect.any(String) })
    const seen = () => server.backends({ database })
    await expect.poll(seen).toEqual([
      { pid: pids[0], database, user: 'root', state: 'idle', query: '', clientPort: ports[0] },
      { pid: pids[1], database, user: 'root', state: 'active', query: 'select sleep(1000)', clientPort: ports[1] },
    ])
    expect(await server.backends({ user: 'nobody' })).toEqual([])
    expect((await server.backends()).filter(({ user }) => user !== 'root')).toEqual([])
    expect(await server.killBackends({ database })).toBe(2)
    await sleeping
    expect(await server.backends({ database })).toEqual([])
    expect(await server.killBackends({ database })).toBe(0)
  })

  test('takes no writes of ordinary accounts while it is read-only', async () => {
    await server.query("create user 'plain'@'%' identified by 'plain'; grant all on test.* to 'plain'@'%'")
    await server.query('create table if not exists written (id int)')
    await using plain = await connected(server.url().replace('root:root', 'plain:plain'))
    await server.readOnly(true)
    try {
      await expect(rows(plain.client, 'insert into written values (1)')).rejects.toMatchObject({ errno: 1290 })
    } finally {
      await server.readOnly(false)
    }
    await rows(plain.client, 'insert into written values (1)')
  })

  test('answers nothing while it is frozen, and fails what would ask it', async () => {
    await using connection = await connected(server.url())
    await server.freeze()
    try {
      expect(server.state).toBe('frozen')
      expect(stateOf(server.pid)).toBe('T')
      const answer = rows(connection.client, 'select 1 as one')
      const frozen = { code: 'FROZEN', message: expect.stringMatching(/^MariaDB at .* is frozen: thaw it first$/) }
      await expect(server.query('select 1')).rejects.toMatchObject(frozen)
      await expect(server.backends()).rejects.toMatchObject(frozen)
      await expect(server.killBackends()).rejects.toMatchObject(frozen)
      await expect(server.createDatabase()).rejects.toMatchObject(frozen)
      await server.thaw()
      expect(await answer).toEqual([{ one: 1 }])
    } finally {
      await server.thaw()
    }
    expect(server.state).toBe('running')
  })

  test('restarts with its data on the same port, and breaks connections', async () => {
    await using restarted = await startMariadb()
    await restarted.query('create table entry as select 7 as id')
    await using connection = await connected(restarted.url())
    const broken = expect(connection.client.query('select sleep(60)')).rejects.toThrow()
    await expect.poll(() => restarted.backends()).toMatchObject([{ state: 'active' }])
    await Promise.all([restarted.restart(), broken])
    expect(restarted.state).toBe('running')
    expect(await restarted.query('select id from entry')).toEqual([{ id: 7 }])
  })

  test('is stopped, frozen or not, with nothing left of it', async () => {
    const stopped = await startMariadb({ name: 'short-lived' })
    const directory = await dataDirectory(stopped)
    await using connection = await connected(stopped.url())
    const lost = expect(rows(connection.client, 'select sleep(1000)')).rejects.toThrow()
    await expect.poll(() => stopped.backends()).toMatchObject([{ state: 'active' }])
    await stopped.freeze()
    const stopping = stopped.stop()
    expect(stopped.stop()).toBe(stopping)
    await stopping
    await lost
    expect(existsSync(directory)).toBe(false)
    expect(() => process.kill(stopped.pid, 0)).toThrow('ESRCH')
    const message = `MariaDB "short-lived" at 127.0.0.1:${stopped.port} is stopped`
    await expect(stopped.query('select 1')).rejects.toMatchObject({ code: 'STOPPED', message })
    await expect(stopped.freeze()).rejects.toMatchObject({ code: 'STOPPED' })
  })

  test('has the settings, connections and database that were asked for', async () => {
    await using other = await startMariadb({ database: 'app', maxConnections: 17, settings: { wait_timeout: '77' } })
    expect(await other.query('select database() as name, @@max_connections as most, @@wait_timeout as wait')).toEqual([
      { name: 'app', most: 17, wait: 77 },
    ])
  })

  test('says in its own words why it did not start', async () => {
    await expect(startMariadb({ settings: { no_such_thing: '1' } })).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringMatching(/^MariaDB did not start at .*\n.*unknown variable 'no_such_thing=1'/s),
    })
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const bound = holder.address()
    if (bound === null || typeof bound === 'string') throw new TypeError('Expected a port')
    await expect(startMariadb({ port: bound.port })).rejects.toMatchObject({ code: 'PORT_TAKEN' })
    await new Promise((resolve) => holder.close(resolve))
    await expect(startMariadb({ settings: { port: '1' } })).rejects.toThrow(RangeError)
  })

  test('shares its port with one at another address, each with data of its own', async () => {
    const [first, second] = await startMariadbServers(['127.0.0.1', '127.0.0.3'])
    if (!first || !second) throw new TypeError('Expected two servers')
    try {
      expect([first.port, first.host, second.host]).toEqual([second.port, '127.0.0.1', '127.0.0.3'])
      await first.query('create table only_here (id int)')
      await expect(second.query('select * from only_here')).rejects.toMatchObject({ code: 'ER_NO_SUCH_TABLE' })
    } finally {
      await Promise.all([first.stop(), second.stop()])
    }
  })
})

describe.runIf(mariadbInstalled)('a pair of MariaDB servers', () => {
  let pair: FailoverPair<MariadbServer>
  beforeAll(async () => {
    pair = await failoverPair({ engine: 'mariadb', database: 'app', name: 'mariadb.periodic-flush.test' })
  })
  afterAll(() => pair.stop())

  test('is behind one name, which leads from one to the other', async () => {
    const where = 'select @@bind_address as at'
    expect(pair.url()).toBe(`mysql://root:root@mariadb.periodic-flush.test:${pair.port}/app`)
    await using before = await connected(pair.url())
    pair.moveTo('green')
    await using after = await connected(pair.url())
    expect(await rows(before.client, where)).toEqual([{ at: '127.0.0.1' }])
    expect(await rows(after.client, where)).toEqual([{ at: '127.0.0.2' }])
    expect(await pair.query(where)).toEqual({ blue: [{ at: '127.0.0.1' }], green: [{ at: '127.0.0.2' }] })
  })
})
