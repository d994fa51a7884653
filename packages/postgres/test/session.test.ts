import { AsyncLocalStorage } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gate, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type ReservedSql, type TransactionSql } from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

const now = { deadlineMs: 0, onDeadline: 'cut' } as const
const swapped = { wait: 'swapped' } as const

let server: PostgresServer
let sql: ReturnType<typeof flushing>

beforeAll(async () => {
  server = await startPostgres()
  await server.query('create table entry (n int)')
})
beforeEach(() => {
  sql = flushing()
})
afterEach(async () => {
  await sql.$flusher.close({ deadlineMs: 0 })
  await server.killBackends()
  await server.query('truncate entry')
})
afterAll(() => server.stop())

const flushing = () =>
  withPeriodicFlush(() => postgres(server.url(), { max: 2, onnotice: () => {} }), { intervalMs: false })

const codeOf = (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(work).then(
    () => undefined,
    (error: { code?: unknown }) => error.code,
  )

const sleeping = (text: string) =>
  vi.waitFor(
    async () => {
      const backends = await server.backends()
      expect(backends.filter(({ state, query }) => state === 'active' && query.includes(text))).toHaveLength(1)
    },
    { timeout: 30_000, interval: 10 },
  )

type Scoped = TransactionSql | ReservedSql
type Sql = TransactionSql
type Flushing = ReturnType<typeof flushing>

const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 30_000, interval: 5 })

/** Each of these gets a scope, in the way of its kind; resolves once `work` has. */
const scopes: [string, (work: (tx: Scoped) => Promise<unknown>) => Promise<unknown>][] = [
  ['a transaction', (work) => sql.begin(work)],
  ['a savepoint', (work) => sql.begin((tx) => tx.savepoint(work))],
  [
    'a reserved connection',
    async (work) => {
      const reserved = await sql.reserve()
      try {
        return await work(reserved)
      } finally {
        reserved.release()
      }
    },
  ],
]

/** Begins such work, and resolves with what it came to once it is over, whatever became of its scope. */
function within<T>(scope: (typeof scopes)[number][1], work: (tx: Scoped) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    scope((tx) => work(tx).then(resolve, reject)).catch(() => {})
  })
}

describe.each(scopes)('in %s that is cut', (_, scope) => {
  test('what runs, what is queued behind it and what is asked later says so', async () => {
    const told = within(scope, async (tx) => {
      const queued = [tx`select pg_sleep(60)`, tx`select 1`, tx.unsafe('select 2'), tx`select 3`.values()].map(codeOf)
      const before = await Promise.all(queued)
      const file = new URL(import.meta.url).pathname
      const after = [tx`select 4`, tx.unsafe('select 5'), tx`select 6`.cursor(1, () => {}), tx.file(file)].map(codeOf)
      return [...before, ...(await Promise.all(after))]
    })
    await sleeping('pg_sleep(60)')
    await expect(sql.$flush(now)).resolves.toMatchObject({ cut: 1 })
    expect(await told).toEqual(Array.from({ length: 8 }, () => 'CUT'))
    expect(await sql`select 1 as a`).toEqual([{ a: 1 }])
  })

  test('a cursor says so, whether its owner waits for rows or has some', async () => {
    const told = within(scope, async (tx) => {
      const rows = tx`select generate_series(1, 100) as n`.cursor(10)
      const seen: unknown[] = []
      const walk = async (): Promise<void> => {
        for await (const [row] of rows) {
          seen.push(row?.['n'])
          if (seen.length === 2) await sql.$flush(now)
        }
      }
      return [await codeOf(walk()), seen]
    })
    expect(await told).toEqual(['CUT', [1, 11]])
    expect(await sql`select 1 as a`).toEqual([{ a: 1 }])
  })

  test('a copy into the database says so', async () => {
    const told = within(scope, async (tx) => {
      const rows = await tx`copy entry from stdin`.writable()
      async function* lines() {
        yield '1\n'
        await sql.$flush(now)
        for (;;) yield await new Promise<string>((resolve) => setImmediate(resolve, '2\n'))
      }
      return codeOf(pipeline(Readable.from(lines()), rows))
    })
    expect(await told).toBe('CUT')
    await server.killBackends()
    expect(await server.query('select count(*)::int as n from entry')).toEqual([{ n: 0 }])
  })

  test('a copy out of the database says so', async () => {
    const told = within(scope, async (tx) => {
      const rows = await tx`copy (select generate_series(1, 1000000000)) to stdout`.readable()
      let cut = false
      return codeOf(
        pipeline(rows, async (lines) => {
          for await (const _ of lines) {
            if (!cut) await sql.$flush(now)
            cut = true
          }
        }),
      )
    })
    expect(await told).toBe('CUT')
    expect(await sql`select 1 as a`).toEqual([{ a: 1 }])
  })
})

test('whoever waits for a savepoint of a transaction that is cut is told', async () => {
  const told = new Promise((resolve) => {
    const cut = sql.begin(async (tx) => {
      const inner = codeOf(tx.savepoint(() => sql.$flush(now)))
      resolve([await inner, await codeOf(tx.savepoint(() => 'later'))])
    })
    cut.catch(() => {})
  })
  expect(await told).toEqual(['CUT', 'CUT'])
})

test('a transaction that catches what a cut says commits nothing', async () => {
  const ended = sql.begin(async (tx) => {
    await tx`insert into entry values (1)`
    await sql.$flush(now)
    await tx`insert into entry values (2)`.catch(() => {})
  })
  expect(await codeOf(ended)).toBe('CUT')
  const held = sql.begin(async (tx) => {
    await tx`insert into entry values (3)`
    await tx`select pg_sleep(61)`.catch(() => {})
  })
  const cut = codeOf(held)
  await sleeping('pg_sleep(61)')
  await sql.$flush(now)
  expect(await cut).toBe('CUT')
  await sql.end()
  await server.killBackends()
  expect(await server.query('select n from entry')).toEqual([])
})

describe.each(scopes)('in %s', (_, scope) => {
  test('all members are there over a flush, and statements are lazy as natively', async () => {
    const got = await within(scope, async (tx) => {
      const fragment = tx`where n > ${1}`
      const never = tx.unsafe('select 1 / 0')
      await sql.$flush(swapped)
      await tx`insert into entry ${tx([{ n: 1 }, { n: 2 }])}`
      expect(never).toBeInstanceOf(Promise)
      const rows = await tx`select n, ${tx.json({ a: 1 })}::jsonb as j, ${tx.array([1, 2])}::int[] as x,
        ${tx.typed('1', 23)}::int as t from ${tx('entry')} ${fragment}`
      const described = await tx`select 1::int as one`.describe()
      const seen: unknown[] = []
      await tx`select generate_series(1, 3) as n`.forEach(({ n }) => {
        seen.push(n)
      })
      const [first] = await tx`select 1 as a`.raw()
      return { rows: [...rows], columns: described.columns.map(({ name }) => name), seen, raw: String(first?.[0]) }
    })
    expect(got).toEqual({
      rows: [{ n: 2, j: { a: 1 }, x: [1, 2], t: 1 }],
      columns: ['one'],
      seen: [1, 2, 3],
      raw: '1',
    })
    await sql.$flush()
  })
})

test('an error of the server about a connection of its own is no loss: the transaction ends, and its connection serves on', async () => {
  const raise = "do $$ begin raise exception 'unreachable' using errcode = '08001'; end $$"
  const pid = (tx: TransactionSql) => tx`select pg_backend_pid() as pid`
  let before: unknown
  const failing = sql.begin(async (tx) => {
    before = (await pid(tx))[0]
    await tx.savepoint((inner) => inner.unsafe(raise)).catch(() => {})
    await tx`insert into entry values (1)`
    await tx.unsafe(raise)
  })
  expect(await codeOf(failing)).toBe('08001')
  expect((await sql.begin(pid))[0]).toEqual(before)
  expect(await sql`select n from entry`).toHaveLength(0)
})

test('in a transaction, a cancelled statement and a failed one say what they say natively', async () => {
  const cancelled = sql.begin(async (tx) => {
    const query = tx`select pg_sleep(62)`.execute()
    await sleeping('pg_sleep(62)')
    query.cancel()
    return query
  })
  expect(await codeOf(cancelled)).toBe('57014')
  expect(await codeOf(sql.begin((tx) => tx`select 1 / 0`))).toBe('22012')
  expect(await codeOf(sql.begin((tx) => [tx`select 1`, tx`select 1 / 0`]))).toBe('22012')
  expect(await sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as a`])).toEqual([[{ a: 1 }], [{ a: 2 }]])
})

describe.each([
  ['a transaction', (sql: Flushing, work: (tx: Sql) => Promise<unknown>) => sql.begin(work)],
  ['a savepoint', (sql: Flushing, work: (tx: Sql) => Promise<unknown>) => sql.begin((tx) => tx.savepoint(work))],
])('in %s whose connection is lost', (_, scope) => {
  test.each<[string, (tx: Sql, lost: () => Promise<void>) => Promise<unknown>]>([
    ['while a statement runs', (tx, lost) => Promise.all([tx`select pg_sleep(60)`, lost()])],
    ['before a statement that fails', (tx, lost) => Promise.all([lost(), tx`select 1 / 0`])],
    ['before the next statement', (tx, lost) => lost().then(() => tx`select 1`)],
    ['before its owner gives up', (_, lost) => lost().then(() => Promise.reject(new Error('given up')))],
    ['before its end', (_, lost) => lost()],
  ])('%s: it fails, nothing is sent any more, and the client goes on', async (_, work) => {
    await using entrance = await gate(server)
    const { host, port } = entrance
    const { user, password, database } = server
    const client = withPeriodicFlush(
      () => postgres({ host, port, user, password, database, max: 1, backoff: false, connect_timeout: 60 }),
      { intervalMs: false },
    )
    const lost = async (): Promise<void> => {
      await entrance.reset()
      await until(() => entrance.connections === 0)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    try {
      const failed = scope(client, (tx) => work(tx, lost))
      await expect(failed).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|CONNECTION_CLOSED/) })
      await new Promise((resolve) => setImmediate(resolve))
      expect(await client`select 1 as a`).toEqual([{ a: 1 }])
    } finally {
      await client.$flusher.close({ deadlineMs: 0 })
    }
  })
})

test('what is idle beside a reserved connection closes at the swap, and what becomes idle later', async () => {
  const busy = () => Promise.all([1, 2, 3].map(() => wide`select pg_sleep(0.05)`))
  const wide = withPeriodicFlush(() => postgres(server.url(), { max: 3 }), { intervalMs: false })
  const retiring = () => wide.$flusher.stats().retiring.map(({ leases, connections }) => ({ leases, connections }))
  await busy()
  const reserved = await wide.reserve()
  await wide.$flush(swapped)
  await vi.waitFor(() => expect(retiring()).toEqual([{ leases: 1, connections: 1 }]), { timeout: 30_000 })
  await busy()
  const other = await wide.reserve()
  const running = wide`select pg_sleep(0.2)`
  await wide.$flush(swapped)
  await running
  const alone = { leases: 1, connections: 1 }
  await vi.waitFor(() => expect(retiring()).toEqual([alone, alone]), { timeout: 30_000 })
  expect(await reserved`select 1 as one`).toEqual([{ one: 1 }])
  expect(await other`select 1 as one`).toEqual([{ one: 1 }])
  reserved.release()
  other.release()
  await vi.waitFor(() => expect(retiring()).toEqual([]), { timeout: 30_000 })
  await wide.$flusher.close()
})

test('what waits in a transaction behind a statement is told when its connection is lost', async () => {
  await using entrance = await gate(server)
  const { host, port } = entrance
  const { user, password, database } = server
  const client = withPeriodicFlush(() => postgres({ host, port, user, password, database, max: 1, backoff: false }), {
    intervalMs: false,
  })
  try {
    const told = within(
      (work) => client.begin(work),
      // One that has parameters is described first, and nothing is sent before that is answered.
      (tx) => Promise.all([tx`select ${1}::text from pg_sleep(60)`, tx`select ${2}::int`, tx`select 3`].map(codeOf)),
    )
    await sleeping('pg_sleep(60)')
    await entrance.reset()
    const lost = expect.stringMatching(/ECONNRESET|CONNECTION_CLOSED/)
    expect(await told).toEqual([lost, lost, lost])
  } finally {
    await client.$flusher.close({ deadlineMs: 0 })
  }
})

describe('a reserved connection that is lost', () => {
  test.each<[string, (reserved: ReservedSql, lose: () => Promise<void>) => Promise<unknown>]>([
    ['while nothing runs on it', (_, lose) => lose()],
    [
      'while a statement runs on it, and others wait behind it',
      async (reserved, lose) => {
        const asked = [reserved`select ${1}::text from pg_sleep(60)`, reserved`select ${2}::int`, reserved`select 3`]
        const told = Promise.all(asked.map(codeOf))
        await sleeping('pg_sleep(60)')
        await lose()
        expect(await told).toEqual(asked.map(() => expect.stringMatching(/ECONNRESET|CONNECTION_CLOSED/)))
      },
    ],
    [
      'between two steps of a cursor',
      async (reserved, lose) => {
        const rows = reserved`select generate_series(1, 9) as n`.cursor(2)[Symbol.asyncIterator]()
        await rows.next()
        await lose()
        expect(await codeOf(rows.next() as Promise<unknown>)).toMatch(/ECONNRESET|CONNECTION_CLOSED/)
      },
    ],
  ])('%s takes no more statements, and the client goes on', async (_, use) => {
    await using entrance = await gate(server)
    const { host, port } = entrance
    const { user, password, database } = server
    const onclose = vi.fn()
    const client = withPeriodicFlush(
      () => postgres({ host, port, user, password, database, max: 2, backoff: false, connect_timeout: 60, onclose }),
      { intervalMs: false },
    )
    try {
      const reserved = await client.reserve()
      const other = client`select pg_sleep(0)`.execute()
      await use(reserved, async () => {
        await other
        await entrance.reset()
        // Both of the client's connections have heard of it.
        await until(() => onclose.mock.calls.length === 2)
      })
      const later = [reserved`select 1`, reserved`select 2`.cursor(1, () => {})]
      expect(await Promise.all(later.map(codeOf))).toEqual(
        later.map(() => expect.stringMatching(/ECONNRESET|CONNECTION_CLOSED/)),
      )
      reserved.release()
      const rows = await Promise.all([1, 2, 3, 4].map((n) => client`select ${n}::int as n`))
      expect(rows).toEqual([1, 2, 3, 4].map((n) => [{ n }]))
      expect(client.$flusher.stats()).toMatchObject({ leases: 0 })
      await client.$flush()
    } finally {
      await client.$flusher.close({ deadlineMs: 0 })
    }
  })
})

test('the work of a transaction that has moved runs in the context of its owner', async () => {
  const context = new AsyncLocalStorage<string>()
  let free = () => {}
  const held = new Promise<void>((resolve) => {
    free = resolve
  })
  let begun = 0
  const holding = [1, 2].map(() =>
    sql.begin(async () => {
      begun += 1
      await held
    }),
  )
  await until(() => begun === 2)
  const moved = context.run('owner', () =>
    sql.begin(async (tx) => {
      const first = context.getStore()
      await tx`select 1`
      return [first, context.getStore(), await tx.savepoint(async () => context.getStore())]
    }),
  )
  await context.run('flush', () => sql.$flush({ ...swapped, onDeadline: 'keep' }))
  expect(await moved).toEqual(['owner', 'owner', 'owner'])
  free()
  await Promise.all(holding)
})

describe.each(scopes)('in %s', (_, scope) => {
  test('a statement that is cancelled before it runs is not sent, and the next one is', async () => {
    const told = await within(scope, async (tx) => {
      const query = tx`insert into entry values (1)`
      query.cancel()
      return [await codeOf(query), [...(await tx`select n from entry`)]]
    })
    expect(told).toEqual(['57014', []])
  })
})
