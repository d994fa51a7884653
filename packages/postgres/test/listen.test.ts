import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FlusherEvents, Options } from '@periodic-flush/core'
import {
  type FailoverPair,
  failoverPair,
  type Gate,
  gate,
  startPostgres,
  startPostgresStandby,
} from '@periodic-flush/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

let pair: FailoverPair
const made: { $flusher: { close(options: { deadlineMs: number }): Promise<void> } }[] = []
const bare: Sql[] = []

/** However slow the machine is. */
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

beforeAll(async () => {
  pair = await failoverPair({ database: 'app' })
})
beforeEach(() => pair.moveTo('blue'))
afterEach(async () => {
  await Promise.all(made.splice(0).map((sql) => sql.$flusher.close({ deadlineMs: 0 })))
  await Promise.all(bare.splice(0).map((sql) => sql.end({ timeout: 1 })))
})
afterAll(() => pair.stop())

function flushing(options: Options<Sql> = {}, url = () => pair.url()) {
  const sql = withPeriodicFlush(() => postgres(url(), { max: 2, onnotice: () => {}, backoff: () => 0.01 }), {
    intervalMs: false,
    ...options,
  })
  made.push(sql)
  const gaps: FlusherEvents['listen-gap'][] = []
  sql.$flusher.on('listen-gap', (gap) => gaps.push(gap))
  return { sql, gaps }
}

/** Somebody else, who notifies. */
function notifier(side: 'blue' | 'green' = 'blue') {
  const sql = postgres(pair[side].url(), { max: 1, connection: { application_name: 'notifier' } })
  bare.push(sql)
  return sql
}

const listening = async (side: 'blue' | 'green' = 'blue') =>
  (await pair[side].backends({ database: 'app' })).filter(
    ({ query, applicationName }) => applicationName !== 'notifier' && /^(listen|notify)/.test(query),
  )
/** The way to blue that leads through a gate. */
const behind = ({ host, port }: Gate) => pair.url().replace(/@.*:\d+\//, `@${host}:${port}/`)
const swapped = { wait: 'swapped' } as const
const noop = () => {}
const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)

describe('listen', () => {
  test('1,000 notifications, with a flush every 20 ms: each arrives once, in order, on every listener', async () => {
    const { sql, gaps } = flushing()
    const heard: Record<string, string[]> = { one: [], again: [], two: [] }
    const onlisten = vi.fn()
    const push = (to: string) => (payload: string) => heard[to]?.push(payload)
    await sql.listen('one', push('one'), onlisten)
    await sql.listen('one', push('again'))
    await sql.listen('two', push('two'))
    const from = notifier()
    let done = false
    const flushes = (async () => {
      while (!done) {
        await sql.$flush(swapped)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    const swap = () =>
      new Promise<void>((resolve) => {
        const off = sql.$flusher.on('swap', () => {
          off()
          resolve()
        })
      })
    for (const n of numbers(1000)) {
      // However fast the machine is.
      if (Number(n) % 80 === 79) await swap()
      // Through the client itself and from elsewhere; in one statement, so that both are in one order.
      if (Number(n) % 10 === 0) await sql`select pg_notify('one', ${n}), pg_notify('two', ${n})`
      else await from`select pg_notify('one', ${n}), pg_notify('two', ${n})`
    }
    await eventually(() => expect([heard['one'], heard['two']].map((all) => all?.at(-1))).toEqual(['999', '999']))
    done = true
    await flushes
    expect(heard).toEqual({ one: numbers(1000), again: numbers(1000), two: numbers(1000) })
    expect(gaps).toEqual([])
    expect(onlisten).toHaveBeenCalledTimes(1)
    expect(sql.$flusher.stats().flushes).toBeGreaterThan(10)
  })

  test('is one connection, however many calls come before it is made', async () => {
    const { sql } = flushing()
    const heard: string[] = []
    const listen = (channel: string) => sql.listen(channel, (payload) => heard.push(`${channel} ${payload}`))
    await Promise.all([listen('one'), listen('two'), listen('one')])
    expect(sql.$flusher.stats().leases).toBe(1)
    expect(await listening()).toHaveLength(1)
    await notifier()`select pg_notify('one', 'a'), pg_notify('two', 'b')`
    await eventually(() => expect(heard).toEqual(['one a', 'one a', 'two b']))
  })

  test('is one connection also where the calls wait for a flush first', async () => {
    const { sql } = flushing()
    await sql`select 1`
    sql.$flusher.distrust('woke up')
    await Promise.all([sql.listen('one', noop), sql.listen('two', noop)])
    expect(sql.$flusher.stats()).toMatchObject({ leases: 1, flushes: 1 })
    expect(await listening()).toHaveLength(1)
  })

  test('holds a lease, which moves on with each flush; the old connection closes', async () => {
    const { sql } = flushing({ deadlineMs: 60_000 })
    expect(sql.$flusher.stats().leases).toBe(0)
    const { state, unlisten } = await sql.listen('news', () => {})
    expect(sql.$flusher.stats()).toMatchObject({ leases: 1, connections: 0 })
    await expect(sql.$flush()).resolves.toMatchObject({ drained: true, stragglers: [] })
    expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [] })
    // Its process on the server ends a little later than the connection.
    await eventually(async () => expect((await pair.blue.backends()).map(({ pid }) => pid)).not.toContain(state.pid))
    expect(await listening()).toHaveLength(1)
    await unlisten()
    await sql.$flush()
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
    expect(await listening()).toEqual([])
  })

  test('counts as use: a timed flush hands it over though nobody queries', async () => {
    const { sql, gaps } = flushing()
    const heard: string[] = []
    const listened = await sql.listen('news', (payload) => heard.push(payload))
    const { pid } = listened.state
    await sql.$flush({ lazy: true })
    expect(listened.state.pid).not.toBe(pid)
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(gaps).toEqual([])
  })

  test('is shared by all who listen to a channel, until the last one ends it', async () => {
    const { sql } = flushing()
    const heard: string[] = []
    const first = await sql.listen('we"ird', (payload) => heard.push(`first ${payload}`))
    const second = await sql.listen('we"ird', (payload) => heard.push(`second ${payload}`))
    const from = notifier()
    await from.notify('we"ird', 'a')
    await eventually(() => expect(heard).toEqual(['first a', 'second a']))
    await first.unlisten()
    await first.unlisten()
    await from.notify('we"ird', 'b')
    await eventually(() => expect(heard).toEqual(['first a', 'second a', 'second b']))
    await second.unlisten()
    await sql.listen('marker', (payload) => heard.push(payload))
    await from`select pg_notify('we"ird', 'c'), pg_notify('marker', 'marker')`
    await eventually(() => expect(heard.at(-1)).toBe('marker'))
    expect(heard).toHaveLength(4)
  })

  test('a channel that is added or removed during a hand-over is right on both sides', async () => {
    const { sql, gaps } = flushing()
    const heard: string[] = []
    const from = notifier()
    await sql.listen('kept', () => {})
    for (let round = 0; round < 20; round += 1) {
      const removed = await sql.listen('removed', (payload) => heard.push(`removed ${payload}`))
      const flushed = sql.$flush()
      for (let turn = 0; turn < round * 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      const [added] = await Promise.all([
        sql.listen('added', (payload) => heard.push(`added ${payload}`)),
        removed.unlisten(),
      ])
      await from`select pg_notify('removed', 'never'), pg_notify('added', ${`${round}`})`
      await flushed
      await eventually(() => expect(heard.at(-1)).toBe(`added ${round}`))
      await added.unlisten()
    }
    expect(heard).toEqual(numbers(20).map((n) => `added ${n}`))
    expect(gaps).toEqual([])
  })

  test('a channel that the server refuses leaves nothing behind: hand-overs go on, and it may be asked for again', async () => {
    const { sql, gaps } = flushing({ deadlineMs: 60_000 })
    const heard: string[] = []
    await sql.listen('news', (payload) => heard.push(payload))
    const refused = { code: '42601' }
    await expect(sql.listen('', () => {})).rejects.toMatchObject(refused)
    await expect(Promise.all([sql.listen('', () => {}), sql.listen('', () => {})])).rejects.toMatchObject(refused)
    await expect(sql.$flush()).resolves.toMatchObject({ drained: true, stragglers: [] })
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(gaps).toEqual([])
  })

  test('a call that is refused before it is sent leaves nothing behind either', async () => {
    const { sql, gaps } = flushing({ deadlineMs: 60_000 })
    const heard: string[] = []
    await sql.listen('news', (payload) => heard.push(payload))
    await expect(sql.listen(undefined as never, () => {})).rejects.toThrow(TypeError)
    await expect(sql.$flush()).resolves.toMatchObject({ drained: true, stragglers: [] })
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(gaps).toEqual([])
  })

  test('one whose connection fails rejects, is tried again in the background, and may be asked for again', async () => {
    await using entrance = await gate(pair.blue)
    await entrance.refuse()
    const { sql } = flushing({}, () => behind(entrance))
    const heard: string[] = []
    const onlisten = vi.fn()
    await expect(sql.listen('news', (payload) => heard.push(`first ${payload}`), onlisten)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
    await entrance.accept()
    await eventually(() => expect(onlisten).toHaveBeenCalled())
    const { state } = await sql.listen('news', (payload) => heard.push(`second ${payload}`))
    expect(state).toMatchObject({ pid: expect.any(Number) })
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['first hello', 'second hello']))
    const told = onlisten.mock.calls.length
    await pair.blue.killBackends({ database: 'app' })
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(told + 1))
    await sql.$flush()
    await notifier().notify('news', 'again')
    await eventually(() => expect(heard.slice(2)).toEqual(['first again', 'second again']))
    expect(onlisten).toHaveBeenCalledTimes(told + 1)
  })

  test('a listener that begins to listen while it is told hears the next one first', async () => {
    const { sql } = flushing()
    const heard: string[] = []
    let more = 2
    const listen = (): Promise<unknown> => {
      more -= 1
      return sql.listen('news', hear, onlisten)
    }
    const hear = (payload: string): void => {
      heard.push(payload)
      if (more > 0) void listen()
    }
    const onlisten = vi.fn()
    await listen()
    const from = notifier()
    await from.notify('news', 'a')
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    expect(heard).toEqual(['a'])
    await from.notify('news', 'b')
    await eventually(() => expect(heard).toEqual(['a', 'b', 'b']))
  })

  test('a listener that another one ends while both are told is told no more', async () => {
    const { sql } = flushing()
    const heard: string[] = []
    let ended: Promise<unknown> | undefined
    await sql.listen('news', () => {
      ended ??= second.unlisten()
    })
    const second = await sql.listen('news', (payload) => heard.push(`second ${payload}`))
    await sql.listen('news', (payload) => heard.push(`third ${payload}`))
    await sql.notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['third hello']))
    await ended
  })

  test('one that begins to listen while it is told of a gap hears of the next gap first', async () => {
    const { sql } = flushing()
    const told: string[] = []
    await sql.listen('news', noop, () => {
      told.push('first')
      if (told.length === 2) void sql.listen('news', noop, () => told.push('second'))
    })
    await pair.blue.killBackends({ database: 'app' })
    await eventually(() => expect(told).toEqual(['first', 'first', 'second']))
  })

  test('the last one may end it in the very moment of a flush', async () => {
    const { sql } = flushing({ check: false })
    for (let round = 0; round < 30; round += 1) {
      const { unlisten } = await sql.listen('news', () => {})
      await Promise.all([unlisten(), sql.$flush(swapped)])
    }
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  })

  test('is refused as long as the server refuses, and works from then on', async () => {
    await using primary = await startPostgres()
    await using standby = await startPostgresStandby(primary)
    const { sql } = flushing({ checkTimeoutMs: 1_000 }, () => standby.url())
    const heard: string[] = []
    const listen = () => sql.listen('news', (payload) => heard.push(payload))
    await expect(listen()).rejects.toMatchObject({ code: '25006' })
    await standby.promote()
    await listen()
    await sql.$flush()
    await sql.notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    await sql.$flusher.close()
  })

  test('a listener that throws becomes a warning and disturbs no other', async () => {
    const { sql } = flushing()
    const warning = new Promise((resolve) => process.once('warning', resolve))
    await sql.listen('news', () => {
      throw new Error('a bug of the listener')
    })
    await sql.listen('news', () => {
      throw 7
    })
    const heard: string[] = []
    await sql.listen('news', (payload) => heard.push(payload))
    await sql.notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    await expect(warning).resolves.toMatchObject({ message: 'a bug of the listener' })
  })
})

test('listeners are called in the context of their owner, whoever flushes', async () => {
  const context = new AsyncLocalStorage<string>()
  const { sql } = flushing({}, () => pair.url())
  const heard: unknown[] = []
  await context.run('owner', () =>
    sql.listen(
      'news',
      (payload) => heard.push([payload, context.getStore()]),
      () => heard.push(['listens', context.getStore()]),
    ),
  )
  await context.run('flush', () => sql.$flush())
  await sql.notify('news', 'hello')
  await eventually(() => expect(heard).toHaveLength(2))
  await pair.blue.killBackends({ database: 'app' })
  await eventually(() => expect(heard).toHaveLength(3))
  expect(heard).toEqual([
    ['listens', 'owner'],
    ['hello', 'owner'],
    ['listens', 'owner'],
  ])
})

describe('a channel that is added while the fresh connection is being made', () => {
  /** A client that listens, and is at that: its flush has swapped, and the gate keeps the fresh connection waiting. */
  async function handingOver(entrance: Gate, slowly: () => Promise<void>) {
    const { sql, gaps } = flushing({ check: false, checkTimeoutMs: 2_000, deadlineMs: 60_000 }, () => behind(entrance))
    const heard: string[] = []
    const listen = (channel: string) => sql.listen(channel, (payload) => heard.push(`${channel} ${payload}`))
    await listen('first')
    await slowly()
    const flushed = sql.$flush()
    await eventually(() => expect(entrance.connections).toBe(2))
    return { sql, gaps, heard, listen, flushed }
  }

  test('is heard on that one too', async () => {
    await using entrance = await gate(pair.blue)
    const { gaps, heard, listen, flushed } = await handingOver(entrance, () => entrance.slow(1_000))
    await listen('added')
    await flushed
    await notifier().notify('added', 'hello')
    await eventually(() => expect(heard).toEqual(['added hello']))
    expect(gaps).toEqual([])
  })

  test('is heard on the old one where that stays', async () => {
    await using entrance = await gate(pair.blue)
    const { sql, gaps, heard, listen } = await handingOver(entrance, () => entrance.hang())
    const failed = new Promise((resolve) => sql.$flusher.on('failed', resolve))
    await listen('added')
    await expect(failed).resolves.toMatchObject({ reason: 'hand-over', step: 'listen' })
    await notifier().notify('added', 'hello')
    await eventually(() => expect(heard).toEqual(['added hello']))
    expect(gaps).toEqual([])
  })

  test('is heard on the fresh one where the old one is lost', async () => {
    await using entrance = await gate(pair.blue)
    const { gaps, heard, listen, flushed } = await handingOver(entrance, () => entrance.slow(1_000))
    await pair.blue.killBackends({ database: 'app' })
    await eventually(() => expect(entrance.connections).toBe(1))
    await listen('added')
    await flushed
    await notifier().notify('added', 'hello')
    await eventually(() => expect(heard).toEqual(['added hello']))
    expect(gaps).toHaveLength(1)
  })

  test('is heard on the fresh one where the old one is cut', async () => {
    await using entrance = await gate(pair.blue)
    const { sql, gaps } = flushing({ check: false }, () => behind(entrance))
    const heard: string[] = []
    const listen = (channel: string) => sql.listen(channel, (payload) => heard.push(`${channel} ${payload}`))
    await listen('first')
    await entrance.slow(1_000)
    await sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    // The old one is on its way to its end, and then at it.
    const added: Promise<unknown>[] = []
    for (const n of numbers(30)) {
      added.push(listen(`added ${n}`))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await Promise.all(added)
    const from = notifier()
    for (const n of numbers(30)) await from.notify(`added ${n}`, 'hello')
    await eventually(() => expect(heard).toEqual(numbers(30).map((n) => `added ${n} hello`)))
    expect(gaps).toHaveLength(1)
  })
})

describe('where nothing can be handed over, the gap is told and onlisten is called anew', () => {
  test('when the name has moved to another server', async () => {
    const { sql, gaps } = flushing()
    const told: unknown[] = []
    const onGap = (message: unknown) => told.push(message)
    subscribe('periodic-flush:listen-gap', onGap)
    const heard: string[] = []
    const onlisten = vi.fn()
    await sql.listen('news', (payload) => heard.push(payload), onlisten)
    pair.moveTo('green')
    await sql.$flush()
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    unsubscribe('periodic-flush:listen-gap', onGap)
    await notifier('blue').notify('news', 'from the old one')
    await notifier('green').notify('news', 'from the new one')
    await eventually(() => expect(heard).toEqual(['from the new one']))
    expect(gaps).toEqual([{ name: 'postgres', channels: ['news'] }])
    expect(told).toEqual(gaps)
    expect(await listening('blue')).toEqual([])
  })

  test('when the connection breaks', async () => {
    const { sql, gaps } = flushing()
    const heard: string[] = []
    const onlisten = vi.fn()
    const { unlisten } = await sql.listen('news', (payload) => heard.push(payload), onlisten)
    await sql.listen('others', () => {})
    await pair.blue.killBackends({ database: 'app' })
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    expect(gaps).toEqual([{ name: 'postgres', channels: ['news', 'others'] }])
    await sql.$flush()
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(onlisten).toHaveBeenCalledTimes(2)
    await unlisten()
    await notifier().notify('news', 'nobody listens')
    await sql.$flush()
    expect(heard).toEqual(['hello'])
  })

  test('when the old server is silent', async () => {
    await using entrance = await gate(pair.blue)
    let through = true
    const { sql, gaps } = flushing({ checkTimeoutMs: 300 }, () => (through ? behind(entrance) : pair.url()))
    const heard: string[] = []
    const onlisten = vi.fn()
    await sql.listen('news', (payload) => heard.push(payload), onlisten)
    await entrance.stall()
    through = false
    await sql.$flush({ ...swapped, deadlineMs: 60_000 })
    await eventually(() => expect(gaps).toHaveLength(1))
    expect(onlisten).toHaveBeenCalledTimes(2)
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [] }))
  })

  test('when the deadline cuts the old connection first', async () => {
    const { sql, gaps } = flushing()
    const heard: string[] = []
    const onlisten = vi.fn()
    await sql.listen('news', (payload) => heard.push(payload), onlisten)
    await expect(sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })).resolves.toMatchObject({
      cut: 1,
      stragglers: [{ kind: 'listener' }],
    })
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    expect(gaps).toHaveLength(1)
    await notifier().notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(await listening()).toHaveLength(1)
  })
})

describe('the old connection goes on', () => {
  test('where the fresh client cannot listen, until the next swap; the deadline reports it', async () => {
    let reachable = true
    const { sql, gaps } = flushing({ check: false, deadlineMs: 0, onDeadline: 'keep' }, () =>
      reachable ? pair.url() : 'postgres://nobody:nothing@127.0.0.1:1/none',
    )
    const failures: FlusherEvents['failed'][] = []
    sql.$flusher.on('failed', (failure) => failures.push(failure))
    const heard: string[] = []
    await sql.listen('news', (payload) => heard.push(payload))
    reachable = false
    await expect(sql.$flush()).resolves.toMatchObject({ drained: false, stragglers: [{ kind: 'listener' }] })
    await eventually(() => expect(failures).toMatchObject([{ step: 'listen', error: { code: 'ECONNREFUSED' } }]))
    const from = notifier()
    await from.notify('news', 'on the old one')
    await eventually(() => expect(heard).toEqual(['on the old one']))
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [{ generation: 1, leases: 1 }] })
    reachable = true
    await sql.$flush()
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [] }))
    await from.notify('news', 'on the fresh one')
    await eventually(() => expect(heard).toEqual(['on the old one', 'on the fresh one']))
    expect(gaps).toEqual([])
  })

  test('and is replaced as soon as it is cut, without a further flush', async () => {
    await using entrance = await gate(pair.blue)
    const { sql, gaps } = flushing({ check: false, deadlineMs: 2_000, onDeadline: 'cut' }, () => behind(entrance))
    const failed = new Promise((resolve) => sql.$flusher.on('failed', resolve))
    const onlisten = vi.fn()
    await sql.listen('news', noop, onlisten)
    await entrance.refuse()
    await sql.$flush(swapped)
    await expect(failed).resolves.toMatchObject({ step: 'listen' })
    await entrance.accept()
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    expect(gaps).toHaveLength(1)
    expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [], flushes: 1 })
  })

  test('and is replaced when it is cut at last', async () => {
    let reachable = true
    const { sql, gaps } = flushing({ check: false, deadlineMs: 300, onDeadline: 'cut', checkTimeoutMs: 1 }, () =>
      reachable ? pair.url() : 'postgres://nobody:nothing@127.0.0.1:1/none',
    )
    const onlisten = vi.fn()
    await sql.listen('news', () => {}, onlisten)
    reachable = false
    await sql.$flush()
    reachable = true
    await sql.$flush()
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    expect(gaps).toEqual([{ name: 'postgres', channels: ['news'] }])
  })
})

describe('the end', () => {
  test.each(['end', 'close'] as const)('by %s in the middle of hand-overs leaves nothing behind', async (how) => {
    const { sql } = flushing()
    await sql.listen('news', () => {})
    void sql.$flush(swapped)
    await sql.$flush(swapped)
    if (how === 'end') await sql.end()
    else await sql.$flusher.close()
    await eventually(async () => expect(await pair.blue.backends({ database: 'app' })).toEqual([]))
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [], state: 'closed' })
    await expect(sql.listen('news', () => {})).rejects.toMatchObject({
      code: how === 'end' ? 'CONNECTION_ENDED' : 'CLOSED',
    })
  })

  test('also ends a connection that is only about to be made', async () => {
    const { sql } = flushing({ deadlineMs: 600_000 })
    const listened = sql.listen('news', () => {}).catch(() => {})
    await sql.$flusher.close()
    await listened
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
    expect(await pair.blue.backends({ database: 'app' })).toEqual([])
  })

  test('does not wait for a server that is silent', async () => {
    await using entrance = await gate(pair.blue)
    const { sql } = flushing({ deadlineMs: 600_000 }, () => behind(entrance))
    await sql.listen('news', () => {})
    await entrance.stall()
    await sql.$flusher.close()
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
  })
})
