import type { Trigger } from '@periodic-flush/core'
import { gate, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type ReservedSql, type TransactionSql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

// What the triggers hear of that failed: all that says something about the server, and nothing else.

let server: PostgresServer
const made: { $flusher: { close(options: { deadlineMs: number }): Promise<void> } }[] = []

beforeAll(async () => {
  server = await startPostgres()
})
afterEach(async () => {
  await Promise.all(made.splice(0).map((sql) => sql.$flusher.close({ deadlineMs: 0 })))
})
afterAll(() => server.stop())

function flushing({ host, port }: { host: string; port: number } = server) {
  const { user, password, database } = server
  const heard: string[] = []
  const ear: Trigger = { name: 'ear', start: ({ onSuspicion }) => onSuspicion((suspicion) => heard.push(suspicion)) }
  const sql = withPeriodicFlush(() => postgres({ host, port, user, password, database, max: 2, backoff: false }), {
    intervalMs: false,
    triggers: [ear],
  })
  made.push(sql)
  return { sql, heard }
}

type Sql = ReturnType<typeof flushing>['sql']
type Asked = Sql | TransactionSql | ReservedSql

const codeOf = (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(work).then(
    () => undefined,
    (error: { code?: unknown }) => error.code,
  )

const scopes: [string, (sql: Sql, work: (asked: Asked) => Promise<unknown>) => Promise<unknown>][] = [
  ['the client', (sql, work) => work(sql)],
  ['a transaction', (sql, work) => sql.begin(work)],
  ['a savepoint', (sql, work) => sql.begin((tx) => tx.savepoint(work))],
  [
    'a reserved connection',
    async (sql, work) => {
      const reserved = await sql.reserve()
      try {
        return await work(reserved)
      } finally {
        reserved.release()
      }
    },
  ],
]

describe.each(scopes)('of %s', (name, scope) => {
  test('a statement that fails is heard of, also if its owner catches that', async () => {
    const { sql, heard } = flushing()
    const text = "do $$ begin raise exception 'read only' using errcode = '25006'; end $$"
    await codeOf(scope(sql, (asked) => codeOf(asked.unsafe(text))))
    expect(heard).toContain('read-only')
  })

  test('a cursor that fails at a later step is heard of', async () => {
    const { sql, heard } = flushing()
    await server.query(`create or replace function refused(n int) returns int language plpgsql as
      $$ begin if n > 2 then raise exception 'read only' using errcode = '25006'; end if; return n; end $$`)
    const walk = async (asked: Asked) => {
      const seen: unknown[] = []
      for await (const [row] of asked`select refused(n) as n from generate_series(1, 5) n`.cursor())
        seen.push(row?.['n'])
      return seen
    }
    expect(await codeOf(scope(sql, (asked) => walk(asked)))).toBe('25006')
    expect(heard).toContain('read-only')
  })

  test.each<[string, (asked: Asked, error: Error) => PromiseLike<unknown>]>([
    [
      'forEach',
      (asked, error) =>
        asked`select 1`.forEach(() => {
          throw error
        }),
    ],
    ['a cursor', (asked, error) => asked`select generate_series(1, 3)`.cursor(1, () => Promise.reject(error))],
    [
      'a cursor, at once',
      (asked, error) =>
        asked`select generate_series(1, 3)`.cursor(1, () => {
          throw error
        }),
    ],
  ])('what a callback of %s throws is its owner’s, however much it looks like a loss', async (_, throwing) => {
    const { sql, heard } = flushing()
    const elsewhere = Object.assign(new Error('of another server'), { code: '57P01', severity: 'FATAL' })
    const inside: unknown[] = []
    const outside = await codeOf(
      scope(sql, async (asked) => {
        inside.push(await codeOf(throwing(asked, elsewhere)))
        // Natively the next result on the connection begins with an empty row.
        const row = (await asked`select 1 as a`).at(-1)
        inside.push(row?.['a'])
      }),
    )
    expect(inside).toEqual(['57P01', 1])
    // As natively: whatever has failed in a transaction, it does not commit.
    expect(outside).toBe(/transaction|savepoint/.test(name) ? '57P01' : undefined)
    expect(heard).toEqual([])
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0 })
    expect(await sql`select 2 as a`).toContainEqual({ a: 2 })
  })
})

test('what the work of a transaction throws is its owner’s', async () => {
  const { sql, heard } = flushing()
  const elsewhere = Object.assign(new Error('of another server'), { code: 'ECONNREFUSED' })
  await expect(sql.begin(() => Promise.reject(elsewhere))).rejects.toBe(elsewhere)
  expect(heard).toEqual([])
})

test.each<[string, (sql: Sql) => Promise<unknown>]>([
  ['a statement', (sql) => sql`select 1`],
  ['a transaction', (sql) => sql.begin((tx) => tx`select 1`)],
  ['a reservation', (sql) => sql.reserve()],
])('%s that finds no server is heard of', async (_, ask) => {
  await using entrance = await gate(server)
  await entrance.refuse()
  const { sql, heard } = flushing(entrance)
  expect(await codeOf(ask(sql))).toBe('ECONNREFUSED')
  expect(heard).toEqual(['lost'])
})

test('a reserved connection that is lost while nothing runs on it is heard of', async () => {
  await using entrance = await gate(server)
  const { sql, heard } = flushing(entrance)
  const reserved = await sql.reserve()
  await entrance.reset()
  await vi.waitFor(() => expect(heard).toEqual(['lost']), { timeout: 30_000, interval: 10 })
  reserved.release()
})

test('one that is lost after it was given back is not, as long as nothing runs on it', async () => {
  await using entrance = await gate(server)
  const { sql, heard } = flushing(entrance)
  const reserved = await sql.reserve()
  reserved.release()
  await sql`select 1`
  await entrance.reset()
  await vi.waitFor(() => expect(sql.$flusher.stats()).toMatchObject({ connections: 0 }), {
    timeout: 30_000,
    interval: 10,
  })
  expect(heard).toEqual([])
  expect(await sql`select 1 as a`).toEqual([{ a: 1 }])
})
