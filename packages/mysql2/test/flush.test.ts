import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Trigger, Watched } from '@periodic-flush/core'
import type { MariadbServer } from '@periodic-flush/testing'
import * as promise from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { suspect } from '../src/driver.ts'
import { withPeriodicFlush } from '../src/index.ts'
import { called, eventually, running, sideOf, stage, value } from './stage.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const hardly = { deadlineMs: 100, onDeadline: 'cut' } as const

/** Watches how many backends a server has until told to stop; gives the most there were at once. */
function watchPeak(server: MariadbServer): () => Promise<number> {
  let watching = true
  let peak = 0
  const done = (async () => {
    while (watching) {
      peak = Math.max(peak, (await server.backends()).length)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  return async () => {
    watching = false
    await done
    return peak
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** The sockets that this process holds, also those that are still connecting. */
const openSockets = () => process.getActiveResourcesInfo().filter((resource) => resource.startsWith('TCP')).length

const gone = (server: MariadbServer) =>
  eventually(
    () => server.backends(),
    ({ length }) => length === 0,
  )

describe.runIf(mariadbInstalled)('a flush', () => {
  const on = stage('flush')

  test.each(['promise', 'callback'] as const)(
    'loses nothing and stays within the limit: 200 of them under 16 callers (%s)',
    async (flavour) => {
      const made = on[flavour]()
      const pool = 'promise' in made ? made.promise() : made
      const peak = watchPeak(on.pair.blue)
      let inserted = 0
      let flushing = true
      const caller = async (_: unknown, index: number) => {
        while (flushing) {
          const n = inserted++
          if (index % 4 === 0) {
            const connection = await pool.getConnection()
            await connection.beginTransaction()
            await connection.query('insert into numbers values (?)', [n])
            await connection.commit()
            connection.release()
          } else {
            const text = 'insert into numbers values (?)'
            await (index % 2 === 0 ? pool.query(text, [n]) : pool.execute(text, [n]))
          }
        }
      }
      const callers = Array.from({ length: 16 }, caller)
      const reports = []
      for (let n = 0; n < 200; n++) {
        reports.push(made.$flush({ onDeadline: 'keep' }))
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      flushing = false
      await Promise.all(callers)
      for (const report of await Promise.all(reports)) expect(report).toMatchObject({ drained: true, cut: 0 })
      const counted = await on.pair.blue.query('select count(*) as n, count(distinct n) as unique_n from numbers')
      expect(counted).toEqual([{ n: inserted, unique_n: inserted }])
      expect(await peak()).toBeLessThanOrEqual(5)
      expect(made.$flusher.stats()).toMatchObject({ leases: 0, failures: 0 })
      await on.pair.blue.query('delete from numbers')
    },
  )

  test('cuts at the deadline what still runs: queries, transactions, streams; each is told so', async () => {
    const pool = on.callback({ connectionLimit: 8 }, hardly)
    const promised = pool.promise()
    const connection = await promised.getConnection()
    await connection.beginTransaction()
    const idle = await promised.getConnection()
    const stream = pool.query('select sleep(60), 3').stream()
    const outcomes = [
      called((done) => pool.query('select sleep(60), 1', done)),
      called((done) => pool.query('select sleep(60), ?', [6], done)),
      promised.execute('select sleep(60), 2'),
      connection.query('select sleep(60), 4'),
      connection.query('select 5'),
      called((done) => stream.on('error', done)),
    ].map((work) =>
      work.then(
        () => 'finished',
        (error: unknown) => error,
      ),
    )
    await eventually(
      () => on.pair.blue.backends(),
      (backends) => [1, 2, 3, 4, 6].every((n) => running(`sleep(60), ${n}`)(backends)),
    )
    const report = await pool.$flush()
    expect(report).toMatchObject({ drained: true, cut: 6 })
    expect(report.stragglers.map(({ kind }) => kind).sort()).toEqual([
      'query',
      'query',
      'query',
      'reserved',
      'reserved',
      'stream',
    ])
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'CUT' })
    for (const held of [connection, idle]) {
      await expect(held.query('select 1')).rejects.toMatchObject({ code: 'CUT' })
      await expect(held.execute('select 1')).rejects.toMatchObject({ code: 'CUT' })
      await expect(held.commit()).rejects.toMatchObject({ code: 'CUT' })
      held.release()
    }
    expect(await sideOf(promised)).toBe('blue')
    expect(pool.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
    // What was cut still sleeps: the server has not looked at its socket.
    await on.pair.blue.killBackends()
  })

  test('keeps stragglers by itself where the server is the same', async () => {
    const pool = on.promise({}, { deadlineMs: 50 })
    const slow = value(pool, 'select sleep(0.5)')
    await eventually(() => on.pair.blue.backends(), running('sleep(0.5)'))
    expect(await pool.$flush()).toMatchObject({ drained: false, cut: 0, stragglers: [{ kind: 'query' }] })
    expect(await slow).toBe(0)
    await eventually(
      () => pool.$flusher.stats().retiring,
      ({ length }) => length === 0,
    )
  })

  test('closes a connection as soon as it is idle, also if it is reset before that', async () => {
    for (const resetOnRelease of [false, true]) {
      const pool = on.promise({ resetOnRelease })
      const [first, second] = await Promise.all([pool.getConnection(), pool.getConnection()])
      await pool.$flush({ wait: 'swapped' })
      first.release()
      await eventually(
        () => pool.$flusher.stats().retiring,
        ([old]) => old?.connections === 1 && old.leases === 1,
      )
      expect(await sideOf(second as never)).toBe('blue')
      second.release()
      await eventually(
        () => pool.$flusher.stats().retiring,
        ({ length }) => length === 0,
      )
    }
  })

  test('is done only when the sockets are closed, and so is the end', async () => {
    const before = openSockets()
    const pool = on.promise({ connectionLimit: 8 })
    await Promise.all(Array.from({ length: 8 }, () => pool.query('select sleep(0.05)')))
    expect(openSockets()).toBe(before + 8)
    await pool.$flusher.close()
    expect(openSockets()).toBe(before)
  })

  test('brings service back when the server freezes and the name moves, also for those who wait', async () => {
    const pool = on.promise({ connectionLimit: 2 }, { deadlineMs: 200 })
    await Promise.all([sideOf(pool), sideOf(pool)])
    await on.pair.blue.freeze()
    try {
      const hanging = [1, 2].map(() => sideOf(pool).catch((error: unknown) => error))
      await eventually(
        () => pool.$flusher.stats().leases,
        (leases) => leases === 2,
      )
      const waiting = sideOf(pool)
      on.pair.moveTo('green')
      const report = pool.$flush()
      expect(await waiting).toBe('green')
      expect(await report).toMatchObject({ moved: true, cut: 2, drained: true })
      for (const outcome of await Promise.all(hanging)) expect(outcome).toMatchObject({ code: 'CUT' })
    } finally {
      await on.pair.blue.thaw()
    }
    await gone(on.pair.blue)
  })

  test('cuts a connection that the server has not answered yet', async () => {
    const pool = on.promise({ connectTimeout: 60_000 }, hardly)
    const before = openSockets()
    await on.pair.blue.freeze()
    try {
      const connecting = sideOf(pool).catch((error: unknown) => error)
      await eventually(
        () => pool.$flusher.stats().connections,
        (count) => count === 1,
      )
      on.pair.moveTo('green')
      await pool.$flush()
      expect(await connecting).toMatchObject({ code: 'CUT' })
      expect(await sideOf(pool)).toBe('green')
      await pool.end()
      await eventually(openSockets, (count) => count === before)
    } finally {
      await on.pair.blue.thaw()
    }
  })

  test('leaves the old pool in service if a fresh one cannot be opened, checked or written to', async () => {
    let uri = on.pair.url()
    const pool = on.closing(
      withPeriodicFlush(() => promise.createPool({ uri, connectTimeout: 60_000 }), {
        intervalMs: false,
        checkTimeoutMs: 500,
        require: 'writable',
      }),
    )
    const id = await value(pool, 'select connection_id()')
    uri = on.pair.url().replace('root:root', 'root:wrong-password')
    const denied = await pool.$flush().catch((error: unknown) => error)
    expect(denied).toMatchObject({ code: 'CHECK_FAILED', cause: { code: 'ER_ACCESS_DENIED_ERROR' } })
    expect(String(denied)).not.toContain('wrong-password')
    uri = on.pair.url()
    on.pair.name.fail('ENOTFOUND')
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED', cause: { code: 'ENOTFOUND' } })
    on.pair.moveTo('green')
    await on.pair.green.freeze()
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'TIMEOUT' })
    await on.pair.green.thaw()
    await on.pair.green.readOnly(true)
    await expect(pool.$flush()).rejects.toMatchObject({ code: 'READ_ONLY' })
    await on.pair.green.readOnly(false)
    expect(await value(pool, 'select connection_id()')).toBe(id)
    await gone(on.pair.green)
    expect(await pool.$flush()).toMatchObject({ moved: true, drained: true })
    expect(await sideOf(pool)).toBe('green')
  })

  test('that is timed opens no connection while nobody uses the pool', async () => {
    const pool = on.promise()
    await sideOf(pool)
    await pool.$flush({ lazy: true })
    await pool.$flush({ lazy: true })
    await gone(on.pair.blue)
    const connections = async () =>
      (await on.pair.blue.query<{ Value: string }>("show global status like 'Connections'"))[0]?.Value
    const before = await connections()
    for (let n = 0; n < 5; n++) await pool.$flush({ lazy: true })
    expect(await connections()).toBe(before)
    on.pair.moveTo('green')
    await pool.$flush({ lazy: true })
    expect(await sideOf(pool)).toBe('green')
  })

  test('uses fresh credentials that an async factory fetches, and nothing fails while they change', async () => {
    const { blue } = on.pair
    let user = 'first'
    const create = (name: string) =>
      blue.query(`create user '${name}'@'%' identified by '${name}-password'; grant all on app.* to '${name}'@'%'`)
    await create(user)
    const pool = on.closing(
      await withPeriodicFlush(
        async () => {
          await new Promise((resolve) => setTimeout(resolve, 5))
          return promise.createPool({ uri: on.pair.url().replace('root:root', `${user}:${user}-password`) })
        },
        { intervalMs: false },
      ),
    )
    let asking = true
    const users = new Set<unknown>()
    const callers = Array.from({ length: 8 }, async () => {
      while (asking) users.add(await value(pool, 'select current_user()'))
    })
    await eventually(
      () => users.size,
      (size) => size === 1,
    )
    for (const next of ['second', 'third']) {
      await create(next)
      const previous = user
      user = next
      await pool.$flush()
      expect(await blue.backends({ user: previous })).toEqual([])
      await blue.query(`drop user '${previous}'@'%'`)
      await eventually(() => users.has(`${next}@%`), Boolean)
    }
    asking = false
    await Promise.all(callers)
    expect(users.size).toBe(3)
  })

  test('leaves nothing behind, 1,000 times over', async () => {
    const pool = on.promise({ connectionLimit: 1 })
    const flush = async (times: number) => {
      for (let n = 0; n < times; n++) {
        await sideOf(pool)
        await pool.$flush()
      }
    }
    const footprint = async () => {
      // Twice: what a first collection lets go of may hold more.
      collectGarbage()
      await new Promise((resolve) => setImmediate(resolve))
      collectGarbage()
      return process.memoryUsage().heapUsed / 2 ** 20
    }
    const listeners = () => ({
      process: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
      pool: (pool.pool as NodeJS.EventEmitter).eventNames(),
      sockets: openSockets(),
    })
    await flush(200)
    const before = { heap: await footprint(), listeners: listeners() }
    await flush(1_000)
    // A generation that is not let go of weighs some tens of kilobytes; 1,000 of them would be tens of megabytes.
    expect((await footprint()) - before.heap).toBeLessThan(1)
    expect(listeners()).toEqual(before.listeners)
    expect(await on.pair.blue.backends()).toHaveLength(1)
  })

  test('is told by the driver where its pools are and what errors mean', async () => {
    let watched: Watched | undefined
    const trigger: Trigger = {
      name: 'watcher',
      start(given) {
        watched = given
        return () => {}
      },
    }
    const pool = on.promise({}, { triggers: [trigger] })
    await sideOf(pool)
    expect(watched?.endpoints()).toEqual([{ host: 'flush.periodic-flush.test', port: on.pair.port }])
    expect(watched?.peers()).toEqual([`127.0.0.1:${on.pair.port}`])
    const suspicions: string[] = []
    watched?.onSuspicion((suspicion) => suspicions.push(suspicion))
    const failed = (work: Promise<unknown>) => work.then(() => undefined, suspect)
    await on.pair.blue.query("create user 'plain'@'%' identified by 'plain'; grant all on app.* to 'plain'@'%'")
    const plain = on.closing(
      withPeriodicFlush(() => promise.createPool(on.pair.url().replace('root:root', 'plain:plain')), {
        intervalMs: false,
      }),
    )
    await on.pair.blue.readOnly(true)
    expect(await failed(plain.query('insert into numbers values (1)'))).toBe('read-only')
    await on.pair.blue.readOnly(false)
    const connection = await pool.getConnection()
    await connection.query('start transaction read only')
    expect(await failed(connection.query('insert into numbers values (1)'))).toBe('read-only')
    expect(suspicions).toEqual(['read-only'])
    const killed = failed(connection.query('select sleep(60)'))
    await eventually(() => on.pair.blue.backends(), running('sleep(60)'))
    await on.pair.blue.killBackends()
    expect(['shutdown', 'lost']).toContain(await killed)
    const nobody = promise.createPool({ host: '127.0.0.9', port: on.pair.port })
    expect(await failed(nobody.query('select 1'))).toBe('lost')
    await nobody.end()
    expect(await failed(pool.query('select * from nothing'))).toBeUndefined()
    expect(suspect(undefined)).toBeUndefined()
  })
})
