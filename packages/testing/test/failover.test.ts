import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type FailoverPair, failoverPair, gate, movableName } from '../src/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let pair: FailoverPair

beforeAll(async () => {
  pair = await failoverPair({ database: 'app' })
  await pair.blue.query("create table side as select 'blue' as name")
  await pair.green.query("create table side as select 'green' as name")
})

beforeEach(() => pair.moveTo('blue'))

afterAll(() => pair.stop())

async function connected(url: string = pair.url()): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client(url)
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

async function sideOf(client: Client): Promise<unknown> {
  return (await client.query('select name from side')).rows[0].name
}

test('the two servers are behind one name and one port', () => {
  expect(pair.url()).toBe(`postgres://postgres:postgres@db.periodic-flush.test:${pair.port}/app`)
  expect([pair.blue.host, pair.green.host]).toEqual(['127.0.0.1', '127.0.0.2'])
  expect([pair.blue.port, pair.green.port]).toEqual([pair.port, pair.port])
})

test('a move changes where a client lands, and not where one is', async () => {
  await using before = await connected()
  expect(pair.serving).toBe(pair.blue)
  pair.moveTo('green')
  expect(pair.serving).toBe(pair.green)
  await using after = await connected()
  expect(await sideOf(before.client)).toBe('blue')
  expect(await sideOf(after.client)).toBe('green')
  pair.moveTo('blue')
  await using back = await connected()
  expect(await sideOf(back.client)).toBe('blue')
})

test('a new client gets through while the old server is frozen, once the name has moved', async () => {
  await pair.blue.freeze()
  try {
    pair.moveTo('green')
    await using client = await connected()
    expect(await sideOf(client.client)).toBe('green')
  } finally {
    await pair.blue.thaw()
  }
})

test('a look-up that fails is what the client gets', async () => {
  pair.name.fail('ENOTFOUND')
  await expect(new Client(pair.url()).connect()).rejects.toMatchObject({ code: 'ENOTFOUND' })
})

test('a query and a new database go to both servers', async () => {
  expect(await pair.query('select name from side')).toEqual({ blue: [{ name: 'blue' }], green: [{ name: 'green' }] })
  const database = await pair.createDatabase()
  const one = [{ name: database }]
  expect(await pair.query('select current_database() as name', [], database)).toEqual({ blue: one, green: one })
})

test('a gate can stand where the name points', async () => {
  await using entrance = await gate(pair.blue, { host: '127.0.0.4', port: pair.port })
  pair.name.moveTo(entrance.host)
  await using through = await connected()
  expect(await sideOf(through.client)).toBe('blue')
  expect(entrance.connections).toBe(1)
  expect(() => pair.serving).toThrow('points at 127.0.0.4, which is neither blue nor green')
})

test('a second pair needs a name of its own', async () => {
  await expect(failoverPair()).rejects.toMatchObject({ code: 'NAME_TAKEN' })
})

test('a pair that cannot start leaves its name free', async () => {
  const name = 'failing.periodic-flush.test'
  await expect(failoverPair({ name, port: pair.port })).rejects.toMatchObject({ code: 'PORT_TAKEN' })
  movableName(name, '127.0.0.1').restore()
})

test('stop ends both servers, frozen or not, and restores the name', async () => {
  const name = 'stopped.periodic-flush.test'
  const stopped = await failoverPair({ name })
  await stopped.green.freeze()
  await stopped.stop()
  expect([stopped.blue.state, stopped.green.state]).toEqual(['stopped', 'stopped'])
  movableName(name, '127.0.0.1').restore()
  expect(() => stopped.moveTo('green')).toThrow('restored already')
})
