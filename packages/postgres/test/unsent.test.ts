import { gate, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type Options as Settings } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

// What was asked for and not sent yet when a flush comes, or its owner takes it back.

let server: PostgresServer
const made: { $flusher: { close(options: { deadlineMs: number }): Promise<void> } }[] = []
const swapped = { wait: 'swapped', onDeadline: 'keep' } as const
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

beforeAll(async () => {
  server = await startPostgres()
  await server.query('create table entry (n int)')
})
afterEach(async () => {
  await Promise.all(made.splice(0).map((sql) => sql.$flusher.close({ deadlineMs: 0 })))
  await server.query('truncate entry')
})
afterAll(() => server.stop())

/** Not checked, so that a fresh client has yet to connect when it serves. */
function flushing(settings: () => Settings<Record<string, never>> = () => ({}), check = false) {
  const sql = withPeriodicFlush(() => postgres(server.url(), { max: 1, onnotice: () => {}, ...settings() }), {
    intervalMs: false,
    check,
  })
  made.push(sql)
  return sql
}

type Client = ReturnType<typeof flushing>

const written = async () => (await server.query('select n from entry order by n')).map(({ n }) => n)
const outcome = (work: PromiseLike<unknown>) =>
  Promise.resolve(work).then(
    () => 'done',
    (error: { code?: unknown }) => error.code,
  )

/** Holds the only connection in a transaction; resolves once that has begun. */
async function occupied(sql: Client) {
  let free = () => {}
  const freed = new Promise<void>((resolve) => {
    free = resolve
  })
  let ended: Promise<unknown> = Promise.resolve()
  await new Promise<void>((begun) => {
    ended = sql.begin(async (tx) => {
      await tx`select 1`
      begun()
      await freed
    })
  })
  return () => {
    free()
    return ended
  }
}

test.each([
  ['a transaction', occupied],
  [
    'a reservation',
    async (sql: Client) => {
      const [one, other] = [await sql.reserve(), await sql.reserve()]
      return async () => {
        one.release()
        // What that one would turn to now.
        await other`select pg_sleep(0.1)`
        other.release()
      }
    },
  ],
])('what waits behind %s moves at the swap, and is written once', async (kind, occupy) => {
  const sql = flushing(() => ({ max: kind === 'a reservation' ? 2 : 1 }))
  await sql`select 1`
  const free = await occupy(sql)
  const waiting = [
    sql`insert into entry values (1)`,
    sql.unsafe('insert into entry values (2)'),
    sql.begin((tx) => tx`insert into entry values (3)`),
    sql`insert into entry values (4) returning n`.cursor(1, () => {}),
  ].map(outcome)
  await new Promise((resolve) => setImmediate(resolve))
  await sql.$flush(swapped)
  expect(await Promise.all(waiting)).toEqual(['done', 'done', 'done', 'done'])
  await free()
  await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  expect(await written()).toEqual([1, 2, 3, 4])
})

test('what moves waits for room on the fresh client, and is told nothing of the old one', async () => {
  const sql = flushing(() => ({ max: 2 }), true)
  const held = [await sql.reserve(), await sql.reserve()]
  const waiting = [1, 2, 3].map((n) => outcome(sql.begin((tx) => tx`insert into entry values (${n})`)))
  const reserving = [1, 2, 3].map(() => outcome(sql.reserve().then((reserved) => reserved.release())))
  const asked = [4, 5, 6].map((n) => outcome(sql`insert into entry values (${n})`))
  await new Promise((resolve) => setImmediate(resolve))
  let most = 0
  const swap = sql.$flusher.on('swap', () =>
    queueMicrotask(() => {
      most = sql.$flusher.stats().waiting
    }),
  )
  await sql.$flush(swapped)
  swap()
  expect(most).toBeGreaterThan(0)
  expect(new Set(await Promise.all([...waiting, ...reserving, ...asked]))).toEqual(new Set(['done']))
  for (const reserved of held) reserved.release()
  await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  expect(await written()).toEqual([1, 2, 3, 4, 5, 6])
})

test('what a connection was still being made for moves, and hears nothing of what becomes of that connection', async () => {
  await using entrance = await gate(server)
  let { host, port } = entrance
  const sql = flushing(() => ({ host, port, max: 3 }))
  await entrance.hang()
  const waiting = [
    sql`insert into entry select 1 from pg_sleep(0.2)`,
    sql.begin((tx) => tx`insert into entry select 2 from pg_sleep(0.2)`),
  ].map(outcome)
  await eventually(() => expect(entrance.connections).toBe(2))
  ;({ host, port } = server)
  await sql.$flush(swapped)
  await entrance.reset()
  expect(await Promise.all(waiting)).toEqual(['done', 'done'])
  expect(await written()).toEqual([1, 2])
  await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
})

test('what waits for a fresh client to connect moves on to the next one, and is written once', async () => {
  await using entrance = await gate(server)
  let { host, port } = server
  const sql = flushing(() => ({ host, port, max: 2 }))
  await sql`select 1`
  ;({ host, port } = entrance)
  await entrance.hang()
  await sql.$flush(swapped)
  const waiting = [
    sql`insert into entry select 1 from pg_sleep(0.2)`,
    sql.begin((tx) => tx`insert into entry select 2 from pg_sleep(0.2)`),
    sql.reserve().then(async (reserved) => {
      await reserved`insert into entry select 3 from pg_sleep(0.2)`
      reserved.release()
    }),
  ].map(outcome)
  await eventually(() => expect(entrance.connections).toBe(1))
  ;({ host, port } = server)
  await sql.$flush(swapped)
  await entrance.reset()
  await eventually(() => expect(entrance.connections).toBe(0))
  // By now they are sent, and stay.
  await sql.$flush(swapped)
  expect(await Promise.all(waiting)).toEqual(['done', 'done', 'done'])
  await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
  expect(await written()).toEqual([1, 2, 3])
})

describe('a query that is cancelled', () => {
  /** The fresh client serves, and its first connection gets no answer. */
  async function connecting() {
    const entrance = await gate(server)
    let { host, port } = server
    const sql = flushing(() => ({ host, port }))
    await sql`select 1`
    ;({ host, port } = entrance)
    await entrance.hang()
    return { sql, entrance }
  }

  test('while the fresh client connects is never sent, and gives its lease back', async () => {
    const { sql, entrance } = await connecting()
    await sql.$flush(swapped)
    const query = sql`insert into entry values (1)`.execute()
    const cursor = sql`insert into entry values (1) returning n`.cursor(1, () => {})
    const outcomes = Promise.all([query, cursor].map(outcome))
    await eventually(() => expect(entrance.connections).toBe(1))
    query.cancel()
    ;(cursor as never as { cancel(): void }).cancel()
    expect(await outcomes).toEqual(['57014', '57014'])
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0 })
    await entrance.close()
  })

  test('after it has moved, while the fresh client connects, is never sent either', async () => {
    const { sql, entrance } = await connecting()
    const free = await occupied(sql)
    const query = sql`insert into entry values (1)`.execute()
    const cancelled = outcome(query)
    await new Promise((resolve) => setImmediate(resolve))
    await sql.$flush(swapped)
    await eventually(() => expect(entrance.connections).toBe(1))
    query.cancel()
    expect(await cancelled).toBe('57014')
    await free()
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0 })
    await entrance.close()
    expect(await written()).toEqual([])
  })

  test('in the very step in which it gets a lease is never sent', async () => {
    const sql = flushing(() => ({ max: 2 }))
    const held = [await sql.reserve(), await sql.reserve()]
    await sql.$flush(swapped)
    held.push(await sql.reserve())
    const query = sql`insert into entry values (1)`.execute()
    const cancelled = outcome(query)
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ waiting: 1 }))
    for (const reserved of held) reserved.release()
    query.cancel()
    expect(await cancelled).toBe('57014')
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0 }))
    await sql`select 1`
    expect(await written()).toEqual([])
  })
})
