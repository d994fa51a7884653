import { createServer } from 'node:net'
import type { Flusher, Options } from '@periodic-flush/core'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

let server: PostgresServer
const made: Pick<Flusher<unknown>, 'close'>[] = []

beforeAll(async () => {
  server = await startPostgres()
  await server.query('create table entry (n int)')
})
afterEach(async () => {
  for (const flusher of made.splice(0)) await flusher.close({ deadlineMs: 0 })
})
afterAll(() => server.stop())

const max = 3

function flushing(options: Options<ReturnType<typeof postgres>> = {}, url = server.url()) {
  const sql = withPeriodicFlush(() => postgres(url, { max, backoff: false }), { intervalMs: false, ...options })
  made.push(sql.$flusher)
  return sql
}

/** Every connection has a statement on it when the server ends them all. */
async function endedAtWork(sql: ReturnType<typeof postgres>): Promise<void> {
  const work = Array.from({ length: max }, () => sql`select pg_sleep(60)`.catch((error: unknown) => error))
  await expect
    .poll(async () => (await server.backends()).filter(({ query }) => query.includes('pg_sleep')))
    .toHaveLength(max)
  await server.killBackends()
  const closed = expect.objectContaining({ code: 'CONNECTION_CLOSED' })
  expect(await Promise.all(work)).toEqual(work.map(() => closed))
}

describe('after the server has ended every connection in the middle of a statement', () => {
  test('natively the first that each connection is opened again for fails with the error of the one before', async () => {
    const sql = postgres(server.url(), { max, backoff: false })
    await endedAtWork(sql)
    const farewell = { status: 'rejected', reason: expect.objectContaining({ code: '57P01' }) }
    const asked = [sql`select 1`, sql.begin((tx) => tx`select 1`), sql`select 1`]
    expect(await Promise.allSettled(asked)).toEqual(asked.map(() => farewell))
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    await sql.end()
  })

  test('a statement is not told so: it is sent, and once', async () => {
    const sql = flushing()
    await endedAtWork(sql)
    const asked = Array.from({ length: 4 * max }, (_, n) => sql`insert into entry values (${n}) returning n`)
    expect((await Promise.all(asked)).map(([row]) => row?.['n'])).toEqual(asked.map((_, n) => n))
    expect(await server.query('select count(*)::int as count from entry')).toEqual([{ count: 4 * max }])
  })

  test('nor is a cursor or a transaction', async () => {
    const sql = flushing()
    await endedAtWork(sql)
    const read: unknown[] = []
    const cursor = sql`select n from generate_series(1, 3) n`.cursor(2, (rows) => {
      read.push(...rows)
    })
    const begun = sql.begin((tx) => tx`select 1 as one`)
    await cursor
    expect(read).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    expect(await begun).toEqual([{ one: 1 }])
  })

  test('a connection that was opened for a statement that went elsewhere does not keep the client from closing', async () => {
    const sql = flushing({ checkTimeoutMs: 600_000 })
    await endedAtWork(sql)
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    expect((await server.backends()).length).toBeGreaterThan(1)
    await sql.$flusher.close({ deadlineMs: 600_000 })
    await expect.poll(() => server.backends()).toEqual([])
  })
})

test('a server that greets nobody but with a farewell is not asked for ever', async () => {
  let greeted = 0
  const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection due to administrator command', '']
  const body = Buffer.from(fields.map((field) => `${field}\0`).join(''))
  const farewell = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), body])
  farewell.writeUInt32BE(body.length + 4, 1)
  const rogue = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      greeted++
      socket.end(farewell)
    })
  })
  await new Promise<void>((resolve) => rogue.listen(0, '127.0.0.1', resolve))
  const address = rogue.address()
  if (address === null || typeof address === 'string') throw new Error('Expected a port')
  try {
    const sql = flushing({}, `postgres://user@127.0.0.1:${address.port}/database`)
    await expect(sql`select 1`).rejects.toMatchObject({ code: '57P01' })
    expect(greeted).toBeLessThanOrEqual(max + 1)
  } finally {
    await new Promise((resolve) => rogue.close(resolve))
  }
})
