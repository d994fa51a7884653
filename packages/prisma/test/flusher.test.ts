import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlQueryable } from '@prisma/driver-adapter-utils'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { flushingAdapter } from '../src/index.ts'

let server: PostgresServer
const ends: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  server = await startPostgres()
})
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))
afterAll(() => server.stop())

const native = () => new PrismaPg({ connectionString: server.url(), max: 3 })

function flushing(options: Parameters<typeof flushingAdapter>[1] = {}, factory = native()) {
  const adapter = flushingAdapter(factory, { intervalMs: false, ...options })
  ends.push(() => adapter.$flusher.close({ deadlineMs: 0 }))
  return adapter
}

const pidOf = async (of: SqlQueryable) =>
  (await of.queryRaw({ sql: 'select pg_backend_pid()', args: [], argTypes: [] })).rows[0]?.[0]

const swapped = { wait: 'swapped' } as const

test('a listener hears of each flush once, across connects, until it is taken off', async () => {
  const factory = flushing()
  const heard: number[] = []
  const off = factory.$flusher.on('swap', ({ generation }) => heard.push(generation))
  const flushOnce = async () => {
    const adapter = await factory.connect()
    await factory.$flush()
    await adapter.dispose()
  }
  await flushOnce()
  await flushOnce()
  expect(heard).toEqual([2, 2])
  const adapter = await factory.connect()
  off()
  await factory.$flush()
  await adapter.dispose()
  await flushOnce()
  expect(heard).toEqual([2, 2])
})

test('a listener hears of the end of what was disconnected from, but not of what ends after it was taken off', async () => {
  const factory = flushing({ deadlineMs: 10 })
  const heard: unknown[] = []
  const offs = (['cut', 'retired'] as const).map((event) =>
    factory.$flusher.on(event, ({ generation }) => heard.push([event, generation])),
  )
  const adapter = await factory.connect()
  const tx = await adapter.startTransaction()
  await adapter.dispose()
  expect(heard).toEqual([
    ['cut', 1],
    ['retired', 1],
  ])
  await tx.rollback().catch(() => {})
  const again = await factory.connect()
  const disposed = again.dispose()
  for (const off of offs) off()
  await disposed
  expect(heard.length).toBe(2)
})

test('a listener that comes while the last one disconnects hears of that end', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  const tx = await adapter.startTransaction()
  const disposed = adapter.dispose()
  const heard: number[] = []
  factory.$flusher.on('retired', ({ generation }) => heard.push(generation))
  await tx.rollback()
  await disposed
  expect(heard).toEqual([1])
})

test('close() waits for what was disconnected from before, and gives the same promise again', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  const tx = await adapter.startTransaction()
  const ends: string[] = []
  const disposed = adapter.dispose()
  const closed = factory.$flusher.close()
  expect(factory.$flusher.close()).toBe(closed)
  const over = closed.then(() => ends.push('closed'))
  await server.query('select 1')
  await tx.rollback().then(() => ends.push('rolled back'))
  await Promise.all([disposed, over])
  expect(ends).toEqual(['rolled back', 'closed'])
  expect(await server.backends()).toEqual([])
})

test('who disposes of an adapter twice lets go of it once', async () => {
  const factory = flushing()
  const [one, other] = [await factory.connect(), await factory.connect()]
  const pid = await pidOf(other)
  await Promise.all([one.dispose(), one.dispose()])
  await one.dispose()
  expect(await pidOf(other)).toBe(pid)
  await other.dispose()
  expect(await server.backends()).toEqual([])
})

test('a connect that fails counts for nobody', async () => {
  const broken = native()
  const { connect } = broken
  broken.connect = () => Promise.reject(new Error('no route'))
  const factory = flushing({}, { provider: 'postgres', adapterName: 'mine', connect: () => broken.connect() } as never)
  await expect(factory.connect()).rejects.toThrow('no route')
  broken.connect = connect
  const adapter = await factory.connect()
  await pidOf(adapter)
  await adapter.dispose()
  expect(await server.backends()).toEqual([])
})

test('to connect waits for nobody who holds a connection', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  const held = await Promise.all([1, 2, 3].map(() => adapter.startTransaction()))
  const other = await factory.connect()
  expect(factory.$flusher.stats()).toMatchObject({ leases: 3, waiting: 0 })
  for (const tx of held) await tx.rollback()
  await Promise.all([adapter.dispose(), other.dispose()])
})

test('pause() ends timed flushes, and resume() begins them anew', async () => {
  const factory = flushing({ intervalMs: 20, jitter: 0 })
  const adapter = await factory.connect()
  const flushes = async (until: (count: number) => boolean, asks = Number.POSITIVE_INFINITY) => {
    for (let asked = 0; asked < asks && !until(factory.$flusher.stats().flushes); asked++) await pidOf(adapter)
    return factory.$flusher.stats().flushes
  }
  await flushes((count) => count > 0)
  factory.$flusher.pause()
  // One may be under way.
  await factory.$flush()
  const { flushes: before } = factory.$flusher.stats()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await flushes((count) => count > before, 5)).toBe(before)
  factory.$flusher.resume()
  expect(await flushes((count) => count > before)).toBeGreaterThan(before)
})

test('pause() holds across connects, until resume()', async () => {
  const factory = flushing({ intervalMs: 20, jitter: 0 })
  factory.$flusher.pause()
  await (await factory.connect()).dispose()
  const adapter = await factory.connect()
  await pidOf(adapter)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await pidOf(adapter)
  expect(factory.$flusher.stats().flushes).toBe(0)
  factory.$flusher.resume()
  await adapter.dispose()
  const last = await factory.connect()
  while (factory.$flusher.stats().flushes === 0) await pidOf(last)
})

test('who has taken the timer has it across connects, until it is given back', async () => {
  const factory = flushing({ intervalMs: 20, jitter: 0 })
  const others = [factory.$flusher.takeTimer(), factory.$flusher.takeTimer()]
  await (await factory.connect()).dispose()
  const adapter = await factory.connect()
  for (const giveBack of [() => {}, others[0], others[0]]) {
    giveBack?.()
    await pidOf(adapter)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await pidOf(adapter)
    expect(factory.$flusher.stats().flushes).toBe(0)
  }
  others[1]?.()
  await adapter.dispose()
  const last = await factory.connect()
  while (factory.$flusher.stats().flushes === 0) await pidOf(last)
})

test('hold() and close() take their options', async () => {
  const factory = flushing({ deadlineMs: 60_000 })
  const adapter = await factory.connect()
  const tx = await adapter.startTransaction()
  await expect(factory.$flusher.hold({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  await factory.$flusher.close({ deadlineMs: 0 })
  await expect(tx.queryRaw({ sql: 'select 1', args: [], argTypes: [] })).rejects.toMatchObject({ code: 'CUT' })
  await expect(tx.rollback()).rejects.toMatchObject({ code: 'CUT' })
})

test('distrust() makes the next use wait for a flush', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  const pid = await pidOf(adapter)
  factory.$flusher.distrust('for the test')
  expect(await pidOf(adapter)).not.toBe(pid)
  expect(factory.$flusher.stats()).toMatchObject({ generation: 2 })
})

test('await using ends it, and a later dispose of the adapter makes no other', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  await pidOf(adapter)
  await factory.$flusher[Symbol.asyncDispose]()
  expect(factory.$flusher.closed).toBe(true)
  await adapter.dispose()
  expect(factory.$flusher.closed).toBe(true)
  await expect(factory.connect()).rejects.toMatchObject({ code: 'CLOSED' })
})

test('a facade tells what it talks through, and errors in a transaction are heard by triggers', async () => {
  const heard: string[] = []
  const trigger = {
    name: 'listener',
    start: ({ onSuspicion }: { onSuspicion(listener: (what: string) => void): () => void }) =>
      onSuspicion((what) => heard.push(what)),
  }
  const factory = flushing({ triggers: [trigger] })
  const adapter = await factory.connect()
  expect((adapter as unknown as { underlyingDriver(): object }).underlyingDriver()).toHaveProperty('totalCount')
  const tx = await adapter.startTransaction()
  await tx.executeRaw({ sql: 'set transaction read only', args: [], argTypes: [] })
  const write = tx.executeRaw({ sql: 'create table never (n int)', args: [], argTypes: [] })
  await expect(write).rejects.toThrow()
  expect(heard).toEqual(['read-only'])
  await tx.rollback()
})

test('a lease ends when its transaction has, also when that could not begin or its end fails', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  await expect(adapter.startTransaction('SNAPSHOT')).rejects.toThrow()
  expect(factory.$flusher.stats()).toMatchObject({ leases: 0 })
  const tx = await adapter.startTransaction()
  await factory.$flush(swapped)
  await tx.executeRaw({ sql: 'rollback', args: [], argTypes: [] })
  await tx.rollback()
  await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
})

test('a transaction that is being begun when it is cut fails with CUT', async () => {
  const factory = flushing()
  const adapter = await factory.connect()
  await pidOf(adapter)
  await server.freeze()
  const failed = expect(adapter.startTransaction()).rejects.toMatchObject({ code: 'CUT' })
  await factory.$flusher.close({ deadlineMs: 0 })
  await server.thaw()
  await failed
})
