import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FlushOptions, LeaseKind, Options } from '@periodic-flush/core'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

type Client = ReturnType<typeof flushing>

let server: PostgresServer
const made: { $flusher: { close(options: { deadlineMs: number }): Promise<void> } }[] = []

/** However slow the machine is. */
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

beforeAll(async () => {
  server = await startPostgres()
  await server.query('create table copied (n int)')
})
afterEach(async () => {
  await Promise.all(made.splice(0).map((sql) => sql.$flusher.close({ deadlineMs: 0 })))
  await server.query('truncate copied')
})
afterAll(() => server.stop())

function flushing(options: Options<Sql> = {}) {
  const sql = withPeriodicFlush(() => postgres(server.url(), { max: 3, onnotice: () => {} }), {
    intervalMs: false,
    ...options,
  })
  made.push(sql)
  return sql
}

const leases = (sql: Client) => sql.$flusher.stats().leases
const idle = (sql: Client) => eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
const all = Array.from({ length: 500 }, (_, n) => n)

/** Something under way: it has begun, it can go on to its end, and it tells what it got. */
interface Work {
  go(): Promise<unknown>
}

/** Work that lives long, as one begins it; and what it must have got at its end. */
const works: { name: string; kind: LeaseKind; begin(sql: Client): Promise<Work>; result: unknown }[] = [
  {
    name: 'a cursor that is iterated',
    kind: 'cursor',
    async begin(sql) {
      const rows = sql`select generate_series(0, 499) as n`.cursor(7)[Symbol.asyncIterator]()
      const seen = [...((await rows.next()).value ?? [])]
      return {
        async go() {
          for (;;) {
            const { value, done } = await rows.next()
            if (done) return seen.map(({ n }) => n)
            seen.push(...value)
          }
        },
      }
    },
    result: all,
  },
  {
    name: 'a cursor with a callback',
    kind: 'cursor',
    async begin(sql) {
      const [begun, gate] = [latch(), latch()]
      const seen: number[] = []
      const ended = sql`select generate_series(0, 499) as n`.cursor(7, async (rows) => {
        seen.push(...rows.map(({ n }) => n as number))
        begun.open()
        await gate.opened
      })
      ended.catch(() => {})
      await begun.opened
      return {
        go() {
          gate.open()
          return ended.then(() => seen)
        },
      }
    },
    result: all,
  },
  {
    name: 'a copy out',
    kind: 'stream',
    begin: async (sql) => copyingOut(await sql`copy (select generate_series(0, 99999)) to stdout`.readable()),
    result: 100_000,
  },
  {
    name: 'a copy out that nobody has called one',
    kind: 'query',
    // postgres.js gives its stream, which its types do not show.
    begin: async (sql) => copyingOut((await sql.unsafe('copy (select generate_series(0, 99999)) to stdout')) as never),
    result: 100_000,
  },
  {
    name: 'a copy in',
    kind: 'stream',
    begin: async (sql) => copyingIn(await sql`copy copied from stdin`.writable()),
    result: [1, 2, 3],
  },
  {
    name: 'a copy in that nobody has called one',
    kind: 'query',
    begin: async (sql) => copyingIn((await sql`copy copied from stdin`.simple()) as never),
    result: [1, 2, 3],
  },
  {
    name: 'a reserved connection',
    kind: 'reserved',
    async begin(sql) {
      const reserved = await sql.reserve()
      await reserved`set application_name = 'reserved'`
      return {
        async go() {
          try {
            return (await reserved`show application_name`)[0]?.['application_name']
          } finally {
            reserved.release()
          }
        },
      }
    },
    result: 'reserved',
  },
  {
    name: 'a transaction',
    kind: 'transaction',
    async begin(sql) {
      const [begun, gate] = [latch(), latch()]
      const ended = sql.begin(async (tx) => {
        await tx`insert into copied values (1)`
        begun.open()
        await gate.opened
        return (await tx`select count(*)::int as n from copied`)[0]?.['n']
      })
      ended.catch(() => {})
      await begun.opened
      return {
        go() {
          gate.open()
          return ended
        },
      }
    },
    result: 1,
  },
  {
    name: 'a large object',
    kind: 'transaction',
    async begin(sql) {
      const object = await sql.largeObject()
      await object.write(Buffer.from('hello'))
      return {
        async go() {
          await object.seek(0)
          const [row] = (await object.read(5)) as unknown as [{ data: Buffer }]
          await object.close()
          return row.data.toString()
        },
      }
    },
    result: 'hello',
  },
]

function copyingOut(stream: Readable): Work {
  stream.on('error', () => {})
  return {
    async go() {
      let rows = 0
      for await (const chunk of stream) rows += `${chunk}`.split('\n').length - 1
      return rows
    },
  }
}

function copyingIn(stream: Writable): Work {
  stream.write('1\n')
  stream.on('error', () => {})
  return {
    async go() {
      if (stream.errored !== null) throw stream.errored
      await pipeline(Readable.from(['2\n', '3\n']), stream)
      return (await server.query('select n from copied order by n')).map(({ n }) => n)
    },
  }
}

function latch() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

describe.each(works)('$name', ({ kind, begin, result }) => {
  test('holds one lease, from its beginning to its end', async () => {
    const sql = flushing()
    await sql`select 1`
    expect(leases(sql)).toBe(0)
    const work = await begin(sql)
    expect(leases(sql)).toBe(1)
    await expect(work.go()).resolves.toEqual(result)
    await idle(sql)
  })

  test('is kept and reported at the deadline, and then gets all there is', async () => {
    const sql = flushing()
    const work = await begin(sql)
    await expect(sql.$flush({ deadlineMs: 20 })).resolves.toMatchObject({
      drained: false,
      cut: 0,
      stragglers: [{ kind }],
    })
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [{ leases: 1 }] })
    await expect(work.go()).resolves.toEqual(result)
    await idle(sql)
  })

  test('fails when it is cut, and leaves nothing behind', async () => {
    const sql = flushing()
    const work = await begin(sql)
    const cut: FlushOptions = { deadlineMs: 0, onDeadline: 'cut' }
    await expect(sql.$flush(cut)).resolves.toMatchObject({ cut: 1, stragglers: [{ kind }] })
    // The fresh client's own connection is left.
    await eventually(async () => expect(await server.backends()).toHaveLength(1))
    const error = await work.go().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CUT' })
    await expect(sql`select 1 as a`).resolves.toMatchObject([{ a: 1 }])
    await idle(sql)
  })

  test('gets all there is while the client is flushed every 50 ms', async () => {
    const sql = flushing({ intervalMs: 50, jitter: 0, deadlineMs: 10 })
    for (let round = 0; round < 5; round += 1) {
      const work = await begin(sql)
      const { flushes } = sql.$flusher.stats()
      await eventually(() => expect(sql.$flusher.stats().flushes).toBeGreaterThan(flushes))
      await expect(work.go()).resolves.toEqual(result)
      await server.query('truncate copied')
    }
  })
})

describe('ended before its time', () => {
  test('a cursor that is broken off gives its lease back', async () => {
    const sql = flushing()
    for await (const rows of sql`select generate_series(0, 499) as n`.cursor(7)) {
      expect(rows).toHaveLength(7)
      expect(leases(sql)).toBe(1)
      await sql.$flush({ wait: 'swapped' })
      break
    }
    await idle(sql)
  })

  test('a cursor whose callback returns CLOSE gives its lease back', async () => {
    const sql = flushing()
    const seen: unknown[] = []
    await sql`select generate_series(0, 499) as n`.cursor(7, async (rows) => {
      seen.push(...rows)
      await sql.$flush({ wait: 'swapped' })
      return sql.CLOSE as never
    })
    expect(seen).toHaveLength(7)
    await idle(sql)
  })

  test('a cursor that is never begun holds none', async () => {
    const sql = flushing()
    await sql`select 1`
    sql`select 1`.cursor(7)[Symbol.asyncIterator]()
    expect(leases(sql)).toBe(0)
  })

  test('a copy out that is destroyed frees its connection', async () => {
    const sql = flushing()
    const stream = await sql`copy (select generate_series(0, 999999)) to stdout`.readable()
    await once(stream, 'readable')
    stream.destroy()
    await idle(sql)
    await expect(sql.$flush()).resolves.toMatchObject({ drained: true })
  })

  test('a copy in that is destroyed frees its connection, and copies nothing', async () => {
    const sql = flushing()
    const stream = await sql`copy copied from stdin`.writable()
    stream.write('1\n')
    stream.destroy()
    await idle(sql)
    expect(await server.query('select n from copied')).toEqual([])
  })

  test('a cursor that has failed is over: asked for more, it says so, as natively', async () => {
    const over = async (sql: Sql) => {
      const rows = sql`select 1 / (3 - n) from generate_series(1, 9) n`.cursor(1)[Symbol.asyncIterator]()
      await rows.next()
      await rows.next()
      await expect(rows.next()).rejects.toMatchObject({ code: '22012' })
      return rows.next()
    }
    const bare = postgres(server.url(), { max: 1 })
    expect(await over(flushing())).toEqual(await over(bare))
    expect(await over(flushing())).toEqual({ done: true })
    await bare.end()
  })

  test('a cursor whose connection is lost between two steps does not look as if it had ended', async () => {
    const sql = flushing()
    const rows = sql`select generate_series(0, 499) as n`.cursor(7)[Symbol.asyncIterator]()
    await rows.next()
    await server.killBackends()
    await eventually(() => expect(leases(sql)).toBe(0))
    await expect(rows.next()).rejects.toMatchObject({
      code: expect.stringMatching(/57P01|ECONNRESET|CONNECTION_CLOSED/),
    })
  })
})

test('forEach sees every row though it flushes in the middle, and its lease ends with it', async () => {
  const sql = flushing()
  const seen: number[] = []
  const flushes: Promise<unknown>[] = []
  await sql`select generate_series(0, 499) as n, pg_sleep(0.0005)`.forEach(({ n }) => {
    seen.push(n as number)
    if (n === 100) flushes.push(sql.$flush())
  })
  await expect(Promise.all(flushes)).resolves.toMatchObject([{ drained: true }])
  expect(seen).toEqual(all)
  expect(leases(sql)).toBe(0)
})

test('streams of a large object work over a flush', async () => {
  const sql = flushing()
  const object = await sql.largeObject()
  await pipeline(Readable.from(['he', 'llo']), await object.writable())
  await sql.$flush({ wait: 'swapped' })
  const chunks: Buffer[] = []
  const sink = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk)
      done()
    },
  })
  await pipeline(await object.readable({ highWaterMark: 16, start: 1 }), sink)
  expect(Buffer.concat(chunks).toString()).toBe('ello')
  await object.close()
  await idle(sql)
})
