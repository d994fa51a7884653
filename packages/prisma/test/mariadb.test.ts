import type { Trigger, Watched } from '@periodic-flush/core'
import { type FailoverPair, failoverPair, gate, type MariadbServer } from '@periodic-flush/testing'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlQueryable } from '@prisma/driver-adapter-utils'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { type Flushable, flushingAdapter } from '../src/index.ts'

const ask = async (of: SqlQueryable, sql: string): Promise<unknown> =>
  (await of.queryRaw({ sql, args: [], argTypes: [] })).rows[0]?.[0]

const idOf = async (of: SqlQueryable): Promise<number> => Number(await ask(of, 'select connection_id()'))

type Pool = Extract<ConstructorParameters<typeof PrismaMariaDb>[0], { activeConnections(): number }>

/** Documented by mariadb, and shown by its adapter. */
const poolOf = (adapter: SqlDriverAdapter): Pool => Reflect.apply(Reflect.get(adapter, 'underlyingDriver'), adapter, [])

/** The sockets that this process holds. */
const openSockets = () => process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length

const swapped = { wait: 'swapped' } as const

describe.runIf(mariadbInstalled)('adapter-mariadb', () => {
  let pair: FailoverPair<MariadbServer>
  const disposals: (() => Promise<void>)[] = []
  const failures: unknown[] = []
  beforeAll(async () => {
    pair = await failoverPair({ engine: 'mariadb', database: 'app', name: 'prisma.periodic-flush.test' })
  })
  beforeEach(() => pair.moveTo('blue'))
  afterEach(async () => {
    vi.restoreAllMocks()
    await Promise.all(disposals.splice(0).map((dispose) => dispose()))
    expect(failures.splice(0)).toEqual([])
  })
  afterAll(() => pair.stop())

  async function flushing(connectionLimit: number, options: Parameters<typeof flushingAdapter>[1] = {}) {
    const url = `${pair.url()}?connectionLimit=${connectionLimit}`
    return connected(flushingAdapter(() => new PrismaMariaDb(url), { intervalMs: false, ...options }))
  }

  async function connected(factory: SqlDriverAdapterFactory & Flushable) {
    const adapter: SqlDriverAdapter = await factory.connect()
    factory.$flusher.on('failed', (failure) => failures.push(failure))
    disposals.push(() => factory.$flusher.close({ deadlineMs: 0 }))
    return { factory, adapter }
  }

  /** A pool that somebody else has made, with its owner's adapter on it. */
  async function owned() {
    const owner = await new PrismaMariaDb(`${pair.url()}?connectionLimit=2`).connect()
    return { owner, pool: poolOf(owner) }
  }

  /** Lets the connector's ten seconds pass at once, of which it looks a hundred times, a tenth of a second apart. */
  function lookOften(): () => number {
    const { setTimeout: later } = globalThis
    let looks = 0
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((...[work, ms, ...rest]: unknown[]) => {
      if (ms === 100) looks++
      return Reflect.apply(later, undefined, [work, ms === 100 ? 1 : ms, ...rest])
    }) as typeof setTimeout)
    return () => looks
  }

  const backends = async () => (await pair.blue.backends()).length

  test('each transaction that outlives its flush keeps its own connection, and no more', async () => {
    const { factory, adapter } = await flushing(4, { deadlineMs: 20 })
    const held = []
    for (let n = 1; n <= 3; n++) {
      const tx = await adapter.startTransaction()
      held.push({ tx, id: await idOf(tx) })
      expect(await factory.$flush()).toMatchObject({ drained: false, cut: 0, stragglers: [{ kind: 'transaction' }] })
      await expect.poll(backends, { timeout: 20_000 }).toBe(4 + n)
    }
    for (const { tx, id } of held) {
      expect(await idOf(tx)).toBe(id)
      await tx.commit()
    }
    await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
    await expect.poll(backends, { timeout: 20_000 }).toBe(4)
  })

  test('lives on when the time is over after which the connector kills what is in use', async () => {
    const { factory, adapter } = await flushing(2)
    const tx = await adapter.startTransaction()
    const id = await idOf(tx)
    const looks = lookOften()
    await factory.$flush(swapped)
    await expect.poll(looks, { timeout: 20_000 }).toBe(100)
    expect(await idOf(tx)).toBe(id)
    await tx.commit()
    await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
  })

  test('what waits in its own queue when a flush comes is served, and then it closes', async () => {
    const { factory, adapter } = await flushing(1)
    const tx = await adapter.startTransaction()
    const id = await idOf(tx)
    const waiting = [1, 2, 3].map(() => idOf(adapter))
    await factory.$flush(swapped)
    expect(await idOf(adapter)).not.toBe(id)
    await tx.commit()
    expect(await Promise.all(waiting)).toEqual([id, id, id])
    await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
    await expect.poll(backends, { timeout: 20_000 }).toBe(1)
  })

  test('what is still being tried out when a flush comes keeps its connection alone as soon as it has it', async () => {
    await using stalling = await gate(pair.blue)
    let { port } = stalling
    const url = () => {
      const at = new URL(pair.url())
      at.hostname = '127.0.0.1'
      at.port = String(port)
      return `${at.href}?connectionLimit=3&pingTimeout=60000`
    }
    const { factory, adapter } = await connected(flushingAdapter(() => new PrismaMariaDb(url()), { intervalMs: false }))
    // What was given back, or lost, is not taken for what is in use.
    await expect.poll(backends, { timeout: 20_000 }).toBe(3)
    await Promise.all([1, 2, 3].map(() => idOf(adapter)))
    const doomed = await adapter.startTransaction()
    await pair.blue.query(`kill connection ${await idOf(doomed)}`)
    await doomed.rollback().catch(() => {})
    await expect.poll(backends, { timeout: 20_000 }).toBe(3)
    // The connector pings a connection that was idle for half a second before it hands it out.
    const { now } = Date
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 1_000)
    await stalling.stall()
    const old = poolOf(adapter)
    const beginning = adapter.startTransaction()
    port = pair.port
    await factory.$flush(swapped)
    await new Promise((resolve) => setImmediate(resolve))
    expect(old.closed).toBe(false)
    await stalling.resume()
    const tx = await beginning
    expect(old.closed).toBe(true)
    await expect.poll(backends, { timeout: 20_000 }).toBe(4)
    await tx.commit()
    await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
  })

  test('tells where it is connected: a transaction on a server that was left is cut at its deadline', async () => {
    const before = openSockets()
    const { factory, adapter } = await flushing(2, { deadlineMs: 50 })
    const tx = await adapter.startTransaction()
    expect(factory.$flusher.stats().peers).toEqual([`127.0.0.1:${pair.port}`])
    const old = poolOf(adapter)
    const sleeping = ask(tx, 'select sleep(61)').catch((error: unknown) => error)
    await expect
      .poll(async () => (await pair.blue.backends()).some(({ query }) => query.includes('sleep(61)')))
      .toBe(true)
    await pair.blue.freeze()
    try {
      pair.moveTo('green')
      const report = await factory.$flush()
      expect(report).toMatchObject({ moved: true, cut: 1, drained: true })
      expect(await sleeping).toMatchObject({ code: 'CUT' })
      expect(await ask(adapter, 'select @@bind_address')).toBe(pair.green.host)
      // The connector knows that they are gone: it counts none as in use.
      await expect.poll(() => old.activeConnections()).toBe(0)
      // The sockets are dropped, though the server says nothing.
      await expect.poll(openSockets).toBeLessThanOrEqual(before + 2)
    } finally {
      await pair.blue.thaw()
    }
    await tx.rollback().catch(() => {})
    await pair.blue.killBackends()
  })

  test('is done only when its sockets are closed, and so is its end', async () => {
    const before = openSockets()
    const { factory, adapter } = await flushing(3)
    const tx = await adapter.startTransaction()
    await factory.$flush(swapped)
    await tx.commit()
    await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
    await factory.$flusher.close()
    expect(openSockets()).toBe(before)
  })

  test('a pool that exists already is left as it is when its client disconnects or is closed', async () => {
    const { owner, pool } = await owned()
    disposals.push(() => owner.dispose())
    const { factory, adapter } = await connected(flushingAdapter(new PrismaMariaDb(pool), { intervalMs: false }))
    const held = await owner.startTransaction()
    const id = await idOf(held)
    await idOf(adapter)
    await adapter.dispose()
    expect(await idOf(held)).toBe(id)
    const again = await factory.connect()
    const sleeping = ask(again, 'select sleep(62)').catch((error: unknown) => error)
    await expect
      .poll(async () => (await pair.blue.backends()).some(({ query }) => query.includes('sleep(62)')))
      .toBe(true)
    await factory.$flusher.close({ deadlineMs: 0 })
    expect(await sleeping).toMatchObject({ code: 'CUT' })
    await held.rollback().catch(() => {})
    // What it was cut off from is replaced, and what it closes is closed.
    expect(await idOf(owner)).toBeGreaterThan(id)
  })

  test('ends a fresh one that is refused, and one that is cut while it serves', async () => {
    const checked: { readonly closed: boolean }[] = []
    const check = async (fresh: SqlDriverAdapter) => {
      checked.push(poolOf(fresh))
      throw new Error('refused')
    }
    const { factory, adapter } = await flushing(1, { check })
    const serving = poolOf(adapter)
    await expect(factory.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED' })
    expect(failures.splice(0)).toMatchObject([{ step: 'check' }])
    expect(checked.map(({ closed }) => closed)).toEqual([true])
    await adapter.startTransaction()
    await factory.$flusher.close({ deadlineMs: 0 })
    expect(serving.closed).toBe(true)
  })

  test.each(['before', 'after'])(
    'the owner of a pool who ends it %s its client has gone ends it as always, also what is in use by then',
    async (when) => {
      const { owner, pool } = await owned()
      const { adapter } = await connected(flushingAdapter(new PrismaMariaDb(pool), { intervalMs: false }))
      const held = await owner.startTransaction()
      await idOf(adapter)
      if (when === 'after') await adapter.dispose()
      lookOften()
      const ended = owner.dispose()
      if (when === 'before') await adapter.dispose()
      expect(await idOf(held)).toBeGreaterThan(0)
      await ended
      await expect(idOf(held)).rejects.toThrow()
      await held.rollback().catch(() => {})
    },
  )

  test('a transaction that still waited for a pool that lives on gives its connection back when it is cut', async () => {
    const { owner, pool } = await owned()
    disposals.push(() => owner.dispose())
    const { factory, adapter } = await connected(flushingAdapter(new PrismaMariaDb(pool), { intervalMs: false }))
    const held = [await owner.startTransaction(), await owner.startTransaction()]
    const waiting = expect(adapter.startTransaction()).rejects.toMatchObject({ code: 'CUT' })
    await factory.$flusher.close({ deadlineMs: 0 })
    await waiting
    for (const tx of held) await tx.rollback().catch(() => {})
    const again = await Promise.all([owner.startTransaction(), owner.startTransaction()])
    for (const tx of again) await tx.rollback()
  })

  test('of two clients on one pool, only the one that shall disposes of it', async () => {
    const { pool } = await owned()
    const on = (options: ConstructorParameters<typeof PrismaMariaDb>[1]) =>
      connected(flushingAdapter(new PrismaMariaDb(pool, options), { intervalMs: false }))
    const { adapter: guest } = await on({})
    const { adapter: host } = await on({ disposeExternalPool: true })
    await Promise.all([idOf(guest), idOf(host)])
    await guest.dispose()
    expect(await idOf(host)).toBeGreaterThan(0)
    await host.dispose()
    await expect.poll(backends, { timeout: 20_000 }).toBe(0)
  })

  test.each(['read_only', 'tx_read_only'])(
    'a server that is %s is refused where a writable one is required',
    async (name) => {
      const { factory, adapter } = await flushing(1, { require: 'writable' })
      await ask(adapter, 'select 1')
      await pair.blue.query(`set global ${name} = 1`)
      const refused = factory.$flush().catch((error: unknown) => error)
      await refused.then(() => pair.blue.query(`set global ${name} = 0`))
      expect(await refused).toMatchObject({ code: 'READ_ONLY' })
      expect(failures.splice(0)).toMatchObject([{ step: 'check' }])
      expect(await factory.$flush()).toMatchObject({ checked: true })
    },
  )

  test('a timed flush of one that nobody uses is left to its next use', async () => {
    const { factory, adapter } = await flushing(1)
    const id = await idOf(adapter)
    await factory.$flush({ lazy: true })
    await factory.$flush({ lazy: true })
    expect(factory.$flusher.stats()).toMatchObject({ generation: 2 })
    expect(await idOf(adapter)).toBeGreaterThan(id)
    expect(factory.$flusher.stats()).toMatchObject({ generation: 3 })
  })

  test('tells a name watch where it is told to connect, and where it is as soon as it knows', async () => {
    let told: Pick<Watched, 'endpoints' | 'peers'> | undefined
    const watcher: Trigger = {
      name: 'watcher',
      start(watched) {
        told = watched
        return () => {}
      },
    }
    const { factory, adapter } = await flushing(1, { triggers: [watcher] })
    // Its only connection was made before anybody could listen: not the same as none.
    expect(told?.peers()).toBeUndefined()
    expect(factory.$flusher.stats().connections).toBe(1)
    await ask(adapter, 'select 1')
    expect(told?.peers()).toEqual([`127.0.0.1:${pair.port}`])
    expect(told?.endpoints()).toEqual([{ host: 'prisma.periodic-flush.test', port: pair.port }])
  })
})
