import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect, promisify } from 'node:util'
import type { Options } from '@periodic-flush/core'
import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type FlushingSql, withPeriodicFlush } from '../src/index.ts'

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 })

let pair: FailoverPair
const made: FlushingSql[] = []

beforeAll(async () => {
  pair = await failoverPair({ database: 'app' })
  await pair.blue.query("create table side as select 'blue' as name")
  await pair.green.query("create table side as select 'green' as name")
  await pair.query('create table numbers (n int)')
})
beforeEach(() => pair.moveTo('blue'))
afterEach(async () => {
  for (const sql of made.splice(0)) await sql.$flusher.close()
})
afterAll(() => pair.stop())

function flushing(
  settings: Record<string, unknown> = {},
  options: Options<postgres.Sql<Record<string, unknown>>> = {},
) {
  const sql = withPeriodicFlush(
    () =>
      postgres(pair.url(), { max: 4, onnotice: () => {}, ...settings }) as unknown as postgres.Sql<
        Record<string, unknown>
      >,
    { intervalMs: false, deadlineMs: 3000, ...options },
  )
  made.push(sql)
  return sql
}

const sideOf = async (sql: FlushingSql) => (await sql`select name from side`)[0]?.['name']
const swapped = { wait: 'swapped' } as const

describe('queries', () => {
  test('go to the new server after a flush', async () => {
    const sql = flushing()
    expect(await sideOf(sql)).toBe('blue')
    pair.moveTo('green')
    expect(await sideOf(sql)).toBe('blue')
    const report = await sql.$flush()
    expect(report).toMatchObject({ moved: true, drained: true, cut: 0 })
    expect(await sideOf(sql)).toBe('green')
    expect((await pair.blue.backends()).filter(({ database }) => database === 'app')).toEqual([])
  })

  test('a fragment and a lazy query from before a flush run after it', async () => {
    const sql = flushing()
    await sql`select 1`
    const where = sql`where name = ${'green'}`
    const query = sql`select name from side ${where}`
    const unsafe = sql.unsafe('select name from side')
    pair.moveTo('green')
    await sql.$flush()
    expect([...(await query)]).toEqual([{ name: 'green' }])
    expect([...(await unsafe)]).toEqual([{ name: 'green' }])
    expect(sql.$flusher.stats().leases).toBe(0)
  })

  test('values, raw, describe, simple, multiple, helpers', async () => {
    const sql = flushing()
    expect(await sql`select 1 as a`.values()).toMatchObject([[1]])
    expect((await sql`select 1 as a`.raw())[0]?.[0]?.toString()).toBe('1')
    expect((await sql`select 1 as a`.describe()).columns[0]?.name).toBe('a')
    expect(await sql`select ${sql('name')} from ${sql('side')}`).toMatchObject([{ name: 'blue' }])
    expect((await sql.unsafe('select 1 as a; select 2 as b')).length).toBe(2)
    await sql`insert into numbers ${sql([{ n: 1 }, { n: 2 }] as never)}`
    expect((await sql`delete from numbers`).count).toBe(2)
    expect(sql.$flusher.stats().leases).toBe(0)
  })

  test('a failing one keeps the own error of the driver', async () => {
    const sql = flushing()
    await expect(sql`select * from nothing`).rejects.toMatchObject({ code: '42P01', name: 'PostgresError' })
    expect(sql.$flusher.stats().leases).toBe(0)
  })

  test('forEach and file', async () => {
    const sql = flushing()
    const seen: unknown[] = []
    await sql`select n from generate_series(1, 3) n`.forEach((row) => {
      seen.push(row['n'])
    })
    expect(seen).toEqual([1, 2, 3])
    const path = join(tmpdir(), `${randomUUID()}.sql`)
    await writeFile(path, 'select name from side where name = $1')
    const file = sql.file(path, ['green'])
    pair.moveTo('green')
    await sql.$flush()
    expect(await file).toMatchObject([{ name: 'green' }])
    await expect(sql.file('/nowhere.sql')).rejects.toMatchObject({ code: 'ENOENT' })
    await rm(path)
  })

  test('an unawaited burst over many flushes loses none and repeats none', async () => {
    const sql = flushing({ max: 3 })
    const sent: Promise<unknown>[] = []
    const flushes: Promise<unknown>[] = []
    for (let n = 0; n < 400; n += 1) {
      sent.push(sql`insert into numbers values (${n})`.execute())
      if (n % 50 === 25) flushes.push(sql.$flush(swapped))
      if (n % 20 === 0) await sleep(1)
    }
    await Promise.all([...sent, ...flushes])
    expect(await sql`select count(*)::int as all, count(distinct n)::int as distinct from numbers`).toMatchObject([
      { all: 400, distinct: 400 },
    ])
    await sql`delete from numbers`
  })
})

describe('a transaction in statements of its own, which natively takes max: 1', () => {
  test('is refused before it begins: a flush would tear it apart', async () => {
    const sql = flushing({ max: 1 })
    const refused = { code: 'UNSAFE_TRANSACTION' }
    await expect(sql`begin`).rejects.toMatchObject(refused)
    for (const text of [' BEGIN;\n', 'begin isolation level serializable', 'start  transaction read only /* mine */']) {
      await expect(sql.unsafe(text)).rejects.toMatchObject(refused)
    }
    expect(await pair.blue.backends({ database: 'app' })).toEqual([])
  })

  test('is not where it is one text, or where one connection is its own', async () => {
    const sql = flushing({ max: 1 })
    await sql.unsafe('begin; insert into numbers values (88); commit')
    const reserved = await sql.reserve()
    await reserved`begin`
    await sql.$flush(swapped)
    await reserved`delete from numbers where n = 88`
    await reserved`rollback`
    reserved.release()
    expect(await sql`select n from numbers where n = 88`).toEqual([{ n: 88 }])
    await sql`delete from numbers where n = 88`
  })
})

describe('cursors and streams', () => {
  test('an iterated cursor stays where it is over a flush', async () => {
    const sql = flushing()
    await sql`select 1`
    const seen: unknown[] = []
    let flush: Promise<unknown> | undefined
    for await (const [row] of sql`select n, (select name from side) from generate_series(1, 5) n`.cursor()) {
      seen.push(row)
      if (flush === undefined) {
        pair.moveTo('green')
        await sql.$flush(swapped)
        flush = sql.$flush({ onDeadline: 'keep' })
      }
    }
    expect(seen).toEqual([1, 2, 3, 4, 5].map((n) => ({ n, name: 'blue' })))
    await flush
    // The flush was the next one: the first client closes by itself.
    await vi.waitFor(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  })

  test('a cursor with a callback, ended early; one iterated, broken off', async () => {
    const sql = flushing()
    const seen: unknown[] = []
    await sql`select n from generate_series(1, 9) n`.cursor(2, (rows) => {
      seen.push(...rows.map((row) => row['n']))
      return seen.length >= 4 ? (sql.CLOSE as never) : undefined
    })
    expect(seen).toEqual([1, 2, 3, 4])
    for await (const _ of sql`select n from generate_series(1, 9) n`.cursor(2)) break
    await sleep(50)
    expect(sql.$flusher.stats().leases).toBe(0)
    await expect(sql`select 1/(3-n) from generate_series(1, 9) n`.cursor(1, () => {})).rejects.toMatchObject({
      code: '22012',
    })
  })

  test('COPY holds its lease to the end', async () => {
    const sql = flushing()
    const into = await sql`copy numbers from stdin`.writable()
    expect(sql.$flusher.stats().leases).toBe(1)
    const flush = sql.$flush()
    await pipeline(Readable.from(['1\n', '2\n', '3\n']), into)
    expect(await flush).toMatchObject({ drained: true })
    const from = await sql`copy numbers to stdout`.readable()
    let text = ''
    for await (const chunk of from) text += chunk
    expect(text).toBe('1\n2\n3\n')
    await sql`delete from numbers`
    expect(sql.$flusher.stats().leases).toBe(0)
  })
})

describe('sessions', () => {
  test('a transaction stays on its server, savepoints too', async () => {
    const sql = flushing()
    let flush: Promise<unknown> | undefined
    const result = await sql.begin(async (tx) => {
      pair.moveTo('green')
      await sql.$flush(swapped)
      flush = sql.$flush()
      const inner = await tx.savepoint(async (sp) => (await sp`select name from side`)[0]?.['name'])
      return [inner, (await tx`select name from side`)[0]?.['name'], await sideOf(sql)]
    })
    expect(result).toEqual(['blue', 'blue', 'green'])
    await flush
    await expect(sql.begin(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(await sql.begin('read only', (tx) => [tx`select 1 as a`, tx`select 2 as b`])).toMatchObject([
      [{ a: 1 }],
      [{ b: 2 }],
    ])
    await vi.waitFor(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  })

  test('a reserved connection is kept until its release', async () => {
    const sql = flushing()
    const reserved = await sql.reserve()
    pair.moveTo('green')
    await sql.$flush(swapped)
    expect(await reserved`select name from side`).toMatchObject([{ name: 'blue' }])
    reserved.release()
    reserved.release()
    await vi.waitFor(() => expect(sql.$flusher.stats().retiring).toEqual([]))
    await sql.end()
    expect((await pair.blue.backends()).length).toBe(0)
  })

  test('a reserved connection that is given back after a flush closes, though a transaction goes on', async () => {
    const sql = flushing({ max: 2 })
    const reserved = await sql.reserve()
    let free = () => {}
    const transaction = sql.begin(async (tx) => {
      await tx`select 1`
      await new Promise<void>((resolve) => {
        free = resolve
      })
    })
    const backends = () => pair.blue.backends({ database: 'app' })
    await vi.waitFor(async () => expect((await backends()).map(({ state }) => state)).toContain('idle in transaction'))
    await sql.$flush({ ...swapped, onDeadline: 'keep' })
    expect(await backends()).toHaveLength(3)
    reserved.release()
    await vi.waitFor(async () => expect(await backends()).toHaveLength(2))
    free()
    await transaction
    await vi.waitFor(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  })

  test('large objects', async () => {
    const sql = flushing()
    const lo = await sql.largeObject()
    await lo.write(Buffer.from('hello'))
    expect(sql.$flusher.stats().leases).toBe(1)
    await lo.close()
    await vi.waitFor(() => expect(sql.$flusher.stats().leases).toBe(0))
  })

  test('without types to fetch, reservations open what they need, which postgres.js alone would forget', async () => {
    const sql = flushing({ fetch_types: false, max: 3 })
    for (let round = 0; round < 3; round += 1) {
      const all = await Promise.all([sql.reserve(), sql.reserve(), sql.reserve()])
      const pids = await Promise.all(all.map(async (one) => (await one`select pg_backend_pid() as pid`)[0]?.['pid']))
      expect(new Set(pids).size).toBe(3)
      for (const one of all) one.release()
      await expect(sql.$flush()).resolves.toMatchObject({ drained: true, warmed: 3 })
    }
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0 })
  })

  test('unsent work moves when every connection hangs in a transaction', async () => {
    const sql = flushing({ max: 2 })
    let free = () => {}
    const gate = new Promise<void>((resolve) => {
      free = resolve
    })
    const stuck = [1, 2].map(() =>
      sql.begin(async (tx) => {
        await tx`select 1`
        await gate
        return (await tx`select name from side`)[0]?.['name']
      }),
    )
    await vi.waitFor(async () =>
      expect(
        (await pair.blue.backends({ database: 'app' })).filter((b) => b.state === 'idle in transaction').length,
      ).toBe(2),
    )
    const waiting = [
      sideOf(sql),
      sql.begin(async (tx) => (await tx`select name from side`)[0]?.['name']),
      sql.reserve().then(async (r) => {
        try {
          return (await r`select name from side`)[0]?.['name']
        } finally {
          r.release()
        }
      }),
    ]
    const cursor = (async () => {
      for await (const [row] of sql`select name from side`.cursor()) return row?.['name']
    })()
    await sleep(50)
    pair.moveTo('green')
    await sql.$flush({ ...swapped, onDeadline: 'keep' })
    expect(await Promise.all([...waiting, cursor])).toEqual(['green', 'green', 'green', 'green'])
    free()
    expect(await Promise.all(stuck)).toEqual(['blue', 'blue'])
  })

  test('work whose connection is still being made moves, and runs once', async () => {
    const sql = flushing({ max: 2 })
    await sql`delete from numbers`
    const before = sql.$flusher.stats().generation
    const first = [1, 2, 3, 4, 5].map((n) => sql`insert into numbers values (${n}) returning n`.execute())
    const begun = sql.begin((tx) => tx`insert into numbers values (6)`)
    await sleep(1)
    await sql.$flush(swapped)
    await Promise.all([...first, begun])
    expect(sql.$flusher.stats().generation).not.toBe(before)
    expect(await sql`select n from numbers order by n`.values()).toMatchObject([[1], [2], [3], [4], [5], [6]])
    await sql`delete from numbers`
  })

  test('a cut rejects running work with CUT', async () => {
    const sql = flushing()
    const running = sql`select pg_sleep(30)`.execute()
    const transaction = sql.begin((tx) => tx`select pg_sleep(30)`)
    const outcome = Promise.allSettled([running, transaction])
    await sleep(100)
    await sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    expect(await outcome).toMatchObject([{ reason: { code: 'CUT' } }, { reason: { code: 'CUT' } }])
    expect(await sideOf(sql)).toBe('blue')
    await pair.blue.killBackends({ database: 'app' })
  })
})

describe('state that the driver keeps', () => {
  test('array parameters right after an idle swap', async () => {
    const sql = flushing({}, { check: false })
    await sql`select 1`
    await sql.$flush()
    expect(await sql`select ${sql.array([1, 2, 3], 23)} as a`).toMatchObject([{ a: [1, 2, 3] }])
    await sql.$flush({ lazy: true })
    await sql.$flush({ lazy: true })
    expect(await sql`select ${sql.array([4, 5], 23)} as a`).toMatchObject([{ a: [4, 5] }])
    expect(await sql.begin((tx) => tx`select ${sql.array(['x'])} as a`)).toMatchObject([{ a: ['x'] }])
  })

  test('parsers written on the facade hold for later clients', async () => {
    const sql = flushing()
    sql.options.parsers[23] = (text: string) => `int ${text}`
    expect(await sql`select 1 as a`).toMatchObject([{ a: 'int 1' }])
    await sql.$flush()
    expect(await sql`select 1 as a`).toMatchObject([{ a: 'int 1' }])
    expect(Object.keys(sql.options.parsers).length).toBeGreaterThan(10)
  })

  test('cancel: unsent, queued and running', async () => {
    const sql = flushing({ max: 1 })
    const lazy = sql`select 1`
    lazy.cancel()
    await expect(lazy).rejects.toMatchObject({ code: '57014' })
    expect(sql.$flusher.stats().leases).toBe(0)
    const running = sql`select pg_sleep(30)`.execute()
    const failed = expect(running).rejects.toMatchObject({ code: '57014' })
    await sleep(150)
    pair.moveTo('green')
    await sql.$flush({ ...swapped, onDeadline: 'keep' })
    running.cancel()
    await failed
    expect(await sideOf(sql)).toBe('green')
    expect(sql.$flusher.stats().leases).toBe(0)
  })

  test('cancel: a file that is still being read is not sent', async () => {
    const sql = flushing({ max: 1 })
    const path = join(tmpdir(), `${randomUUID()}.sql`)
    await promisify(execFile)('mkfifo', [path])
    const query = sql.file(path).execute()
    const failed = expect(query).rejects.toMatchObject({ code: '57014' })
    // Opens once there is a reader.
    const writer = await open(path, 'w')
    query.cancel()
    await failed
    await writer.write('insert into numbers values (78)')
    await writer.close()
    // Another file is read after it.
    await writeFile(`${path}.next`, 'select 1 as a')
    expect(await sql.file(`${path}.next`)).toEqual([{ a: 1 }])
    expect(await sql`select n from numbers where n = 78`).toEqual([])
    expect(sql.$flusher.stats().leases).toBe(0)
    await Promise.all([rm(path), rm(`${path}.next`)])
  })

  test('cancel: what waits behind another on its connection is cancelled in its turn, on the server that has it', async () => {
    const sql = flushing({ max: 1 })
    await sql`select 1`
    const running = sql`select pg_sleep(30)`.execute()
    const behind = sql`select pg_sleep(31)`.execute()
    const outcomes = Promise.all([running, behind].map((query) => query.catch(({ code }) => code)))
    await vi.waitFor(async () => {
      const backends = await pair.blue.backends({ database: 'app' })
      expect(backends.filter(({ query }) => query.includes('pg_sleep(30)'))).toHaveLength(1)
    })
    pair.moveTo('green')
    behind.cancel()
    running.cancel()
    expect(await outcomes).toEqual(['57014', '57014'])
  })

  test('what waits for room while two generations overlap is cancelled, or runs once there is some', async () => {
    const sql = flushing({ max: 2 }, { check: false })
    await sql`select 1`
    let free = () => {}
    const gate = new Promise<void>((resolve) => {
      free = resolve
    })
    const begun = new Promise<void>((resolve) => {
      void sql.begin(async (tx) => {
        await tx`select 1`
        resolve()
        await gate
      })
    })
    await begun
    const held = await sql.reserve()
    await sql.$flush({ ...swapped, onDeadline: 'keep' })
    // Two connections are the old generation's, one the fresh one's: there is no room for more.
    const occupying = await sql.reserve()
    const cancelled = sql`insert into numbers values (77)`.execute()
    const kept = sql`select 1 as a`.execute()
    const transaction = sql.begin((tx) => tx`select 2 as a`)
    const reserved = sql.reserve()
    await vi.waitFor(() => expect(sql.$flusher.stats().waiting).toBe(4))
    cancelled.cancel()
    await expect(cancelled).rejects.toMatchObject({ code: '57014' })
    free()
    held.release()
    occupying.release()
    expect([...(await kept), ...(await transaction)]).toEqual([{ a: 1 }, { a: 2 }])
    const one = await reserved
    expect(await one`select 3 as a`).toMatchObject([{ a: 3 }])
    one.release()
    expect(await sql`select * from numbers where n = 77`).toEqual([])
    await vi.waitFor(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0, retiring: [] }))
  })

  test('what waits for room when the client closes says CLOSED', async () => {
    const sql = flushing({ max: 2 }, { check: false })
    await sql`select 1`
    const held = [await sql.reserve(), await sql.reserve()]
    await sql.$flush({ ...swapped, onDeadline: 'keep' })
    held.push(await sql.reserve())
    const waiting = [sql`select 1`, sql.begin((tx) => tx`select 1`), sql.reserve()].map((work) =>
      Promise.resolve(work).catch(({ code }) => code),
    )
    await vi.waitFor(() => expect(sql.$flusher.stats().waiting).toBe(3))
    await sql.$flusher.close({ deadlineMs: 0 })
    expect(await Promise.all(waiting)).toEqual(['CLOSED', 'CLOSED', 'CLOSED'])
    for (const reserved of held) reserved.release()
  })

  test('a reservation that finds no server fails and leaves no lease; the next one works', async () => {
    let port = 1
    const sql = withPeriodicFlush(
      () => {
        const { hostname, username, password, port: real } = new URL(pair.url())
        return postgres({ host: [hostname], port: [port || Number(real)], username, password, max: 1 } as never)
      },
      { intervalMs: false },
    )
    made.push(sql as never)
    await expect(sql.reserve()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0 })
    port = 0
    await sql.$flush()
    const one = await sql.reserve()
    one.release()
  })

  test('transactions and reservations right after an idle swap know the array types', async () => {
    const sql = flushing({}, { check: false })
    await sql`select 1`
    const list = () => sql.array([1, 2], 23)
    await sql.$flush()
    expect(await sql.begin((tx) => tx`select ${list()} as a`)).toMatchObject([{ a: [1, 2] }])
    await sql.$flush()
    const reserved = await sql.reserve()
    expect(await reserved`select ${list()} as a`).toMatchObject([{ a: [1, 2] }])
    reserved.release()
  })

  test('an array that was made on a client that never connected is one on the client that the query runs on', async () => {
    const sql = flushing({}, { check: false })
    await sql`select 1`
    await sql.$flush()
    const list = sql.array([1, 2], 23)
    await sql.$flush()
    expect(await sql`select ${list} as a`).toMatchObject([{ a: [1, 2] }])
  })

  test('what was written into the options is there when the client is closed', async () => {
    const sql = flushing()
    await sql`select 1`
    await sql.$flush()
    sql.options.parsers[23] = Number
    await sql.$flusher.close()
    expect(sql.options.parsers[23]).toBe(Number)
  })

  test('parsers that were deleted on the facade are gone for later clients, and other options cannot be written', async () => {
    const sql = flushing()
    const { parsers } = sql.options
    expect('23' in parsers).toBe(true)
    delete parsers[23]
    for (let round = 0; round < 2; round += 1) {
      expect(await sql`select 1 as a`).toMatchObject([{ a: '1' }])
      expect('23' in parsers).toBe(false)
      await sql.$flush()
    }
    parsers[23] = Number
    await sql.$flush()
    expect(await sql`select 1 as a`).toMatchObject([{ a: 1 }])
    expect(() => Object.assign(sql.options, { max: 1 })).toThrow(TypeError)
  })

  test('end takes a wait that is no number for none', async () => {
    const sql = flushing()
    const running = sql`select pg_sleep(32)`.execute().catch(({ code }) => code)
    await vi.waitFor(async () => {
      const backends = await pair.blue.backends({ database: 'app' })
      expect(backends.filter(({ query }) => query.includes('pg_sleep(32)'))).toHaveLength(1)
    })
    await sql.end({ timeout: Number.NaN })
    expect(await running).toBe('CUT')
    await pair.blue.killBackends({ database: 'app' })
  })

  test('listen goes on over a flush; end closes every connection', async () => {
    const sql = flushing()
    const heard: string[] = []
    await sql.listen('news', (payload) => heard.push(payload))
    await sql.$flush()
    await sql.notify('news', 'hello')
    await vi.waitFor(() => expect(heard).toEqual(['hello']))
    await sql.end()
    await vi.waitFor(async () => expect(await pair.blue.backends()).toEqual([]))
    await expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
    const later = [
      sql.begin((tx) => tx`select 1`),
      sql.reserve(),
      sql.largeObject(),
      sql.listen('news', () => {}),
      sql.subscribe('*', () => {}),
    ]
    const ended = { status: 'rejected', reason: { code: 'CONNECTION_ENDED' } }
    expect(await Promise.allSettled(later)).toMatchObject(later.map(() => ended))
  })

  test('end waits for what runs; $flusher.close makes CLOSED', async () => {
    const sql = flushing()
    const running = sql`select pg_sleep(0.2)`.execute()
    await sleep(20)
    const end = sql.end()
    await expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
    await end
    await running
    const other = flushing()
    await other`select 1`
    await other.$flusher.close()
    await expect(other`select 1`).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(other.reserve()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('after its end a client that connects through a file says what postgres.js says then', async () => {
    const settings = { path: '/nowhere/.s.PGSQL.5432' }
    const bare = postgres(pair.url(), settings)
    const sql = flushing(settings)
    await Promise.all([bare.end(), sql.end()])
    const told = (work: Promise<unknown>) =>
      work.catch(({ message, code, errno, address, port }) => ({ message, code, errno, address, port }))
    const native = await told(bare`select 1`)
    expect(native).toMatchObject({ code: 'CONNECTION_ENDED', address: settings.path, port: undefined })
    expect(await told(sql`select 1`)).toEqual(native)
    expect(await told(sql.begin((tx) => tx`select 1`))).toEqual(native)
  })

  test('shows no password, is no thenable', async () => {
    const sql = flushing({ password: 'hush-hush' })
    expect(inspect({ sql }, { depth: 9, showHidden: false })).not.toContain('hush')
    expect(inspect(sql.options, { depth: 9 })).not.toContain('hush')
    expect('then' in sql).toBe(false)
  })

  test('refuses what it cannot wrap', async () => {
    const told = (given: string) =>
      new TypeError(
        `Expected \`factory\`, the first argument, to be a function that returns a new postgres.js client, got ${given}; write withPeriodicFlush(() => postgres(url))`,
      )
    expect(() => withPeriodicFlush(3 as never)).toThrow(told('3'))
    // A client is a function too.
    expect(() => withPeriodicFlush(postgres('postgres://user:secret@host') as never)).toThrow(told('a client'))
    expect(() => withPeriodicFlush((async () => postgres()) as never)).toThrow(/password. callback/)
    expect(() => withPeriodicFlush((() => ({})) as never)).toThrow(/postgres\.js client/)
    const sql = flushing()
    expect(() => withPeriodicFlush(() => sql)).toThrow(/flushed already/)
    await sql.begin(async (tx) => {
      expect(() => withPeriodicFlush(() => tx as never)).toThrow(/a transaction or a reserved connection/)
    })
  })
})
