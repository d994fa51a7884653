import { gate, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type Options } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Client } from '../src/client.ts'
import { postgresDriver, shrink } from '../src/driver.ts'
import { withPeriodicFlush } from '../src/index.ts'

let server: PostgresServer
const ending: (() => Promise<unknown>)[] = []
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

beforeAll(async () => {
  server = await startPostgres()
})
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})
afterAll(() => server.stop())

type Settings = Options<Record<string, postgres.PostgresType>>

async function opened(settings: Settings = {}, url = server.url()) {
  const open = (): Client => postgres(url, { max: 2, onnotice: () => {}, ...settings }) as unknown as Client
  const driver = postgresDriver(
    open,
    () => {},
    async () => {},
  )
  const client = await driver.open(new AbortController().signal)
  ending.push(() => client.end({ timeout: 0 }))
  return { driver, client, endpoints: driver.endpoints?.(client) }
}

describe('the names and ports that a client was told', () => {
  test('are those of every host that it goes to', async () => {
    const url = 'postgres://u:p@a.example:1,b.example:2/d'
    expect((await opened({}, url)).endpoints).toEqual([
      { host: 'a.example', port: 1 },
      { host: 'b.example', port: 2 },
    ])
    // Natively there are as many as there are ports, and a port without a host is on this machine.
    const lists = { host: ['a.example'], port: [1, 2] } as unknown as Settings
    expect((await opened(lists)).endpoints).toEqual([
      { host: 'a.example', port: 1 },
      { host: 'localhost', port: 2 },
    ])
  })

  test('are none where it connects through a file', async () => {
    expect((await opened({ path: '/tmp/.s.PGSQL.5432' })).endpoints).toEqual([])
  })
})

test('a check whose time is over before it begins opens no connection', async () => {
  const { driver, client } = await opened({ connection: { application_name: 'late' } })
  const checked = driver.check(client, AbortSignal.abort()).then(() => 'checked')
  const fresh = await opened()
  await fresh.client.unsafe('select pg_sleep(0.2)')
  expect(await Promise.race([checked, Promise.resolve('nothing')])).toBe('nothing')
  expect(driver.connections?.(client)).toBe(0)
  expect((await server.backends()).map(({ applicationName }) => applicationName)).not.toContain('late')
})

describe('to make room', () => {
  test('a connection that is busy is left alone, and goes on to serve', async () => {
    const { client } = await opened({ max: 1 })
    await client.unsafe('select 1')
    const [{ pid } = {}] = (await client.unsafe('select pg_backend_pid() as pid')) as { pid?: number }[]
    const running = client.unsafe('select pg_sleep(1), 1 as a').execute()
    await eventually(async () => expect(await server.backends()).toMatchObject([{ pid, state: 'active' }]))
    await shrink(client, 1)
    expect((await server.backends()).map((backend) => backend.pid)).toEqual([pid])
    expect(await running).toMatchObject([{ a: 1 }])
    expect(await client.unsafe('select 2 as a')).toMatchObject([{ a: 2 }])
    expect(await server.backends()).toHaveLength(1)
  })

  test('a connection through a proxy, whose ends the server cannot tell, is left alone and goes on to serve', async () => {
    await using entrance = await gate(server)
    const { client } = await opened({ max: 1, host: entrance.host, port: entrance.port })
    await client.unsafe('select 1')
    await shrink(client, 1)
    expect(await client.unsafe('select 2 as a')).toMatchObject([{ a: 2 }])
    expect(await server.backends()).toHaveLength(1)
  })
})

/** Transforms that change whatever they are given. */
const transforms: [string, NonNullable<Settings['transform']>][] = [
  ['of column names', postgres.pascal as never],
  ['of values', { value: { from: () => 'changed' } }],
  ['of rows', { row: { from: () => ({ changed: true }) } }],
]

describe.each(transforms)('whatever the user transforms, such as all %s', (_, transform) => {
  function flushing(readOnly = false) {
    const connection = readOnly ? { default_transaction_read_only: true } : {}
    const sql = withPeriodicFlush(() => postgres(server.url(), { max: 2, transform, connection, onnotice: () => {} }), {
      intervalMs: false,
      require: 'writable',
    })
    ending.push(() => sql.$flusher.close({ deadlineMs: 0 }))
    return sql
  }

  test('a server that takes writes is told from one that does not', async () => {
    await expect(flushing().$flush()).resolves.toMatchObject({ checked: true })
    await expect(flushing(true).$flush()).rejects.toMatchObject({ code: 'READ_ONLY' })
  })

  test('listeners are handed over', async () => {
    const sql = flushing()
    const gaps = vi.fn()
    sql.$flusher.on('listen-gap', gaps)
    const heard: string[] = []
    await sql.listen('news', (payload) => heard.push(payload))
    await sql.$flush()
    await sql.notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(gaps).not.toHaveBeenCalled()
  })
})

test('idle connections are found, though the user renames columns', async () => {
  const { client } = await opened({ transform: postgres.pascal as never })
  await client.unsafe('select 1')
  await shrink(client, 1)
  expect(await server.backends()).toEqual([])
})
