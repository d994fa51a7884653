import { withPeriodicFlush } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as flushingPostgres } from '@periodic-flush/postgres'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { sql as text } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

test('a postgres.js query that is never awaited holds no lease; one written before a flush runs after it', async () => {
  const sql = flushingPostgres(() => postgres(server.url()), { intervalMs: false })
  await sql`select 1`
  const never = sql`select 2`
  const later = sql`select 3 as three`
  const fragment = sql`where n > ${1}`
  expect(sql.$flusher.stats().leases).toBe(0)
  await expect(sql.$flush()).resolves.toMatchObject({ drained: true })
  expect(await later).toEqual([{ three: 3 }])
  expect(await sql`select n from generate_series(1, 3) n ${fragment}`).toEqual([{ n: 2 }, { n: 3 }])
  expect(never).toBeInstanceOf(Promise)
  await sql.end()
})

test('a prepared Drizzle statement works across flushes', async () => {
  const db = withPeriodicFlush(
    () => postgres(server.url()),
    (client) => drizzle(client),
    { intervalMs: false },
  )
  const prepared = db
    .select({ n: text<number>`n` })
    .from(text`generate_series(1, 5) n`)
    .where(text`n = ${text.placeholder('n')}`)
    .prepare('by_n')
  for (const n of [1, 2, 3]) {
    expect(await prepared.execute({ n })).toEqual([{ n }])
    await db.$flush()
  }
  await db.$flusher.close()
})
