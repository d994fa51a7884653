import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type Options as Settings, type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

// `sql.options` stays one object, and what is written there means the same on every later client.

let server: PostgresServer
const ending: (() => Promise<unknown>)[] = []
const INT = 23
const INTS = 1007

beforeAll(async () => {
  server = await startPostgres({ settings: { wal_level: 'logical' } })
  await server.query('create table people (id int, tags text[])')
  await server.query('create publication alltables for all tables')
})
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})
afterAll(() => server.stop())

const url = () => ({ max: 2, onnotice: () => {}, ...at() })
const at = () => {
  const { host, port, user, password, database } = server
  return { host, port, user, password, database }
}

function bare(settings: Settings<Record<string, never>> = {}): Sql {
  const sql = postgres({ ...url(), ...settings })
  ending.push(() => sql.end({ timeout: 0 }))
  return sql
}

function flushing(check: boolean) {
  const sql = withPeriodicFlush(() => postgres(url()), { intervalMs: false, check })
  ending.push(() => sql.$flusher.close({ deadlineMs: 0 }))
  return sql
}

/** What a client answers at once, and then again and again on other connections. */
async function answers(sql: Sql, again: () => Promise<unknown>): Promise<unknown[]> {
  const told: unknown[] = []
  for (let round = 0; round < 3; round += 1) {
    const rows = await Promise.all([1, 2].map(() => sql`select 1 as one, array[1, 2] as many, pg_sleep(0.01)`))
    told.push(...rows.map(([row]) => [row?.['one'], row?.['many']]))
    await again()
  }
  return told
}

const written: Record<string, (parsers: Record<number, unknown>) => void> = {
  'a parser of a type': (parsers) => {
    parsers[INT] = (text: string) => `mine ${text}`
  },
  'a parser of an array type': (parsers) => {
    parsers[INTS] = (text: string) => `mine ${text}`
  },
  'the lack of a parser of a type': (parsers) => {
    delete parsers[INT]
  },
}

describe.each([true, false])('with a check: %s', (check) => {
  describe.each(Object.entries(written))('%s', (_, write) => {
    test.each(['before', 'after'])(
      'that is written %s the first connection means on every client what it does natively',
      async (when) => {
        const ask = async (sql: Sql, again: () => Promise<unknown>) => {
          if (when === 'before') write(sql.options.parsers)
          await sql`select 1`
          if (when === 'after') write(sql.options.parsers)
          return answers(sql, again)
        }
        const sql = flushing(check)
        expect(await ask(sql, () => sql.$flush())).toEqual(await ask(bare(), async () => {}))
      },
    )
  })

  test('what is written while the fresh client has yet to connect holds too', async () => {
    const sql = flushing(check)
    await sql`select 1`
    await sql.$flush()
    sql.options.parsers[INTS] = (text: string) => `mine ${text}`
    const [first] = await answers(sql, () => sql.$flush())
    expect(await answers(sql, () => sql.$flush())).toEqual(Array.from({ length: 6 }, () => first))
    expect(first).toEqual([1, 'mine {1,2}'])
  })

  test('an array that a transaction is given is one, also when the client was replaced meanwhile', async () => {
    const sql = flushing(check)
    await sql`select 1`
    const rows = await sql.begin(async (tx) => {
      await tx`select 1`
      await sql.$flush({ wait: 'swapped' })
      return tx`select ${sql.array([1, 2], INT)} as a, ${sql.array(['x,y', 'z'])} as b`
    })
    expect(rows).toEqual([{ a: [1, 2], b: ['x,y', 'z'] }])
  })
})

test('a subscriber gets arrays where the client knows the array types, as natively', async () => {
  const seen = async (sql: Sql) => {
    await sql`truncate people`
    const rows: unknown[] = []
    const { unsubscribe } = await sql.subscribe('insert:people', (row) => rows.push({ ...row }))
    await sql`insert into people values (1, ${sql.array(['a', 'b,c'])})`
    await vi.waitFor(() => expect(rows).toHaveLength(1), { timeout: 30_000, interval: 10 })
    unsubscribe()
    return rows
  }
  const natively = await seen(bare())
  expect(natively).toEqual([{ id: 1, tags: ['a', 'b,c'] }])
  const sql = flushing(true)
  expect(await seen(sql)).toEqual(natively)
  await sql.$flush()
  expect(await seen(sql)).toEqual(natively)
})

test('array types stay known where the client that serves has yet to connect, to a subscriber too', async () => {
  const sql = flushing(false)
  await sql`truncate people`
  const rows: unknown[] = []
  const { unsubscribe } = await sql.subscribe('insert:people', (row) => rows.push({ ...row }))
  const known = Object.keys(sql.options.parsers)
  expect(known).toContain(`${INTS}`)
  // Since one that was not used at all is not warmed either, nothing is connected after the second.
  await sql.$flush()
  await sql.$flush()
  expect(sql.$flusher.stats().connections).toBe(0)
  expect(Object.keys(sql.options.parsers)).toEqual(known)
  await server.query("insert into people values (1, array['a', 'b,c'])")
  await vi.waitFor(() => expect(rows).toHaveLength(1), { timeout: 30_000, interval: 10 })
  expect(rows).toMatchObject([{ tags: ['a', 'b,c'] }])
  unsubscribe()
  const parsers = sql.options.parsers as Record<number, unknown>
  parsers[INT] = (text: string) => `mine ${text}`
  expect(parsers[INT]).toBeTypeOf('function')
  expect(await sql`select 1 as a, ${sql.array([2], INT)} as b`).toEqual([{ a: 'mine 1', b: [2] }])
  delete parsers[INT]
  expect(INT in parsers).toBe(false)
})

test('the options can be read as natively: listed, copied, and asked for what they hold', async () => {
  const [sql, natively] = [flushing(true), bare()]
  expect(Object.keys(sql.options).sort()).toEqual(
    Object.keys(natively.options)
      .filter((key) => key !== 'pass')
      .sort(),
  )
  expect({ ...sql.options.parsers }).toEqual({ ...natively.options.parsers })
  expect(INT in sql.options.parsers).toBe(true)
  expect(7 in sql.options.parsers).toBe(false)
})

test('a password callback that fails fails the flush, and not the process, as it would natively', async () => {
  const password = vi.fn(async () => server.password)
  const sql = withPeriodicFlush(() => postgres({ ...url(), password, backoff: false }), { intervalMs: false })
  ending.push(() => sql.$flusher.close({ deadlineMs: 0 }))
  await sql`select 1`
  const warned = new Promise((resolve) => process.once('warning', resolve))
  password.mockRejectedValueOnce(new Error('no token'))
  await expect(sql.$flush()).rejects.toMatchObject({ code: 'CHECK_FAILED', cause: { code: '28P01' } })
  await expect(warned).resolves.toMatchObject({ message: 'no token' })
  expect(await sql`select 1 as a`).toEqual([{ a: 1 }])
  await sql.$flush()
})
