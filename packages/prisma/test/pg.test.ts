import type { Trigger, Watched } from '@periodic-flush/core'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { CountedSockets } from '../../../test/counted-sockets.ts'
import { flushingAdapter } from '../src/index.ts'

let server: PostgresServer
const ends: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  server = await startPostgres()
})
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))
afterAll(() => server.stop())

async function flushing(options: Parameters<typeof flushingAdapter>[1] = {}, database?: string) {
  const url = server.url(database === undefined ? {} : { database })
  const factory = flushingAdapter(new PrismaPg({ connectionString: url, max: 3 }), { intervalMs: false, ...options })
  ends.push(() => factory.$flusher.close({ deadlineMs: 0 }))
  return { factory, adapter: await factory.connect() }
}

const statement = { sql: 'select 1', args: [], argTypes: [] }
const swapped = { wait: 'swapped' } as const

test('its limit caps what runs, and what exceeds it waits in turn and goes to the fresh client', async () => {
  const { factory, adapter } = await flushing()
  const begin = () => adapter.startTransaction()
  const held = [await begin(), await begin(), await begin()]
  const waiting = adapter.queryRaw(statement)
  expect(factory.$flusher.stats()).toMatchObject({ limit: 3, leases: 3, waiting: 1 })
  const flushed = factory.$flush(swapped)
  await held.pop()?.rollback()
  await flushed
  await waiting
  expect(factory.$flusher.stats().retiring).toMatchObject([{ generation: 1, leases: 2 }])
  for (const tx of held) await tx.rollback()
})

test('no connection is opened in the place of one that closes, as each does on which a statement has failed', async () => {
  const sockets = new CountedSockets()
  const bare = new PrismaPg({ connectionString: server.url(), max: 2, stream: sockets.stream })
  const factory = flushingAdapter(bare, { intervalMs: false })
  ends.push(() => factory.$flusher.close({ deadlineMs: 0 }))
  const adapter = await factory.connect()
  const asked = Array.from({ length: 40 }, (_, n) => adapter.queryRaw({ ...statement, sql: `select 1 / ${n % 2}` }))
  const settled = await Promise.allSettled(asked)
  expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(20)
  expect(sockets.most).toBe(2)
})

test('a limit from an environment variable, a string, caps as natively', async () => {
  const max = '3' as unknown as number
  const factory = flushingAdapter(new PrismaPg({ connectionString: server.url(), max }), { intervalMs: false })
  ends.push(() => factory.$flusher.close({ deadlineMs: 0 }))
  await factory.connect()
  expect(factory.$flusher.stats()).toMatchObject({ limit: 3 })
})

test('a flush leaves as many connections warm as were busy at once, within the limit and one more', async () => {
  const { factory, adapter } = await flushing()
  await Promise.all([1, 2, 3].map(() => adapter.queryRaw(statement)))
  let most = 0
  const count = () => {
    const { connections, retiring } = factory.$flusher.stats()
    most = Math.max(most, connections + retiring.reduce((sum, each) => sum + each.connections, 0))
  }
  factory.$flusher.on('swap', count)
  expect(await factory.$flush()).toMatchObject({ warmed: 3 })
  count()
  expect(factory.$flusher.stats().connections).toBe(3)
  expect(most).toBeLessThanOrEqual(4)
})

test('what is idle closes at the swap, beside a transaction that goes on', async () => {
  const { factory, adapter } = await flushing()
  await Promise.all([1, 2, 3].map(() => adapter.queryRaw(statement)))
  const tx = await adapter.startTransaction()
  await factory.$flush(swapped)
  await expect.poll(() => factory.$flusher.stats().retiring).toMatchObject([{ leases: 1, connections: 1 }])
  await tx.rollback()
  await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
})

test('a timed flush of one that nobody uses lets go of what is idle, and connects nothing', async () => {
  const { factory, adapter } = await flushing()
  await adapter.queryRaw(statement)
  await factory.$flush({ lazy: true })
  await factory.$flush({ lazy: true })
  expect(factory.$flusher.stats()).toMatchObject({ generation: 3, connections: 0 })
  expect(await server.backends()).toEqual([])
})

test('tells a name watch where it was told to connect and where it is', async () => {
  let told: Pick<Watched, 'endpoints' | 'peers'> | undefined
  const watcher: Trigger = {
    name: 'watcher',
    start(watched) {
      told = watched
      return () => {}
    },
  }
  const { adapter } = await flushing({ triggers: [watcher] })
  await adapter.queryRaw(statement)
  const { host, port } = server
  expect(told?.endpoints()).toEqual([{ host, port }])
  expect(told?.peers()).toEqual([`${host}:${port}`])
})

test('a fresh client on a read-only server is refused where a writable one is required, and only then', async () => {
  const database = await server.createDatabase()
  const { factory, adapter } = await flushing({ require: 'writable' }, database)
  await adapter.queryRaw(statement)
  await server.query(`alter database "${database}" set default_transaction_read_only = on`)
  await expect(factory.$flush()).rejects.toMatchObject({ code: 'READ_ONLY' })
  await server.query(`alter database "${database}" reset default_transaction_read_only`)
  expect(await factory.$flush()).toMatchObject({ checked: true })
})

test('is done only when its sockets are closed, and a cut drops them though the server says nothing', async () => {
  const { factory, adapter } = await flushing({ checkTimeoutMs: 60_000 })
  const sockets = () => process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
  const before = sockets()
  await adapter.queryRaw(statement)
  await factory.$flush()
  expect(sockets()).toBe(before + 1)
  await server.freeze()
  try {
    const asked = adapter.queryRaw(statement).catch((error: unknown) => error)
    await factory.$flusher.close({ deadlineMs: 0 })
    expect(await asked).toMatchObject({ code: 'CUT' })
    await expect.poll(sockets).toBeLessThanOrEqual(before)
  } finally {
    await server.thaw()
  }
  // It answers when it has seen that they are gone.
  await expect.poll(() => server.backends()).toEqual([])
})
