import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import { sql } from 'drizzle-orm'
import { integer, jsonb, pgTable, timestamp } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/postgres-js.ts'

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 })

let pair: FailoverPair
const things = pgTable('things', {
  id: integer().primaryKey(),
  at: timestamp(),
  data: jsonb(),
  list: integer().array(),
})

beforeAll(async () => {
  pair = await failoverPair({ database: 'app' })
  await pair.query('create table things (id int primary key, at timestamp, data jsonb, list int[])')
})
afterAll(() => pair.stop())

test('a database keeps its schema, parsers and prepared statements over a flush', async () => {
  const db = withPeriodicFlush(
    () => postgres(pair.url(), { max: 3 }),
    (client) => drizzle(client, { schema: { things } }),
    { intervalMs: false },
  )
  const prepared = db
    .select()
    .from(things)
    .where(sql`id = ${sql.placeholder('id')}`)
    .prepare('one')
  const at = new Date('2024-02-03T04:05:06Z')
  for (const side of ['blue', 'green'] as const) {
    pair.moveTo(side)
    await db.$flush()
    const row = { id: 1, at, data: { side }, list: [1, 2] }
    await db.transaction(async (tx) => {
      await tx.insert(things).values(row)
      await expect(
        tx.transaction(async (inner) => {
          await inner.delete(things)
          inner.rollback()
        }),
      ).rejects.toThrow()
    })
    expect(await db.select().from(things)).toEqual([row])
    expect(await db.query.things.findFirst()).toEqual(row)
    expect(await prepared.execute({ id: 1 })).toEqual([row])
  }
  await db.$flusher.close()
  expect(await pair.green.backends()).toEqual([])
})
