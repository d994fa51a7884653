import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import { eq, sql } from 'drizzle-orm-rc'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm-rc/postgres-js'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, expectTypeOf, test } from 'vitest'
import { withPeriodicFlush } from '../src/postgres-js.ts'
import { ddl, posts, relations, users } from './rc-schema.ts'

let pair: FailoverPair
beforeAll(async () => {
  pair = await failoverPair({ database: 'app' })
  await pair.query(ddl)
})
beforeEach(async () => {
  pair.moveTo('blue')
  await pair.query('truncate users, posts')
})
afterAll(() => pair.stop())

const flushing = () =>
  withPeriodicFlush(
    () => postgres(pair.url(), { max: 3 }),
    (client) => drizzle({ client, relations }),
    { intervalMs: false },
  )

const pidOf = async (db: Pick<PostgresJsDatabase<typeof relations>, 'execute'>) =>
  (await db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`))[0]?.pid

test('Drizzle 1.0 on postgres.js: relational queries, prepared statements, counts and custom types go on over flushes', async () => {
  const db = flushing()
  const prepared = db
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare('user_by_id')
  const ada = { id: 1, email: 'ada@test', tags: ['a', 'b'] }
  const at = new Date('2024-02-03T04:05:06Z')
  for (const side of ['blue', 'green'] as const) {
    pair.moveTo(side)
    await db.$flush()
    const post = { id: 1, author: 1, at, data: { side }, price: '1.5', list: [1, 2] }
    await db.insert(users).values(ada)
    await db.insert(posts).values(post)
    await db.$flush()
    expect(await db.query.users.findMany({ with: { posts: true } })).toEqual([{ ...ada, posts: [post] }])
    expect(await prepared.execute({ id: 1 })).toEqual([ada])
    expect(await db.$count(users)).toBe(1)
    expect((await pair[side].query(`select tags from users`))[0]).toEqual({ tags: 'a,b' })
  }
  await db.$flusher.close()
  expect(await pair.green.backends()).toEqual([])
})

test('Drizzle 1.0 on postgres.js: transactions keep their connection, savepoints and isolation level over flushes', async () => {
  const db = flushing()
  const row = (id: number) => ({ id, email: `${id}@test` })
  await db.transaction(
    async (tx) => {
      const pid = await pidOf(tx)
      await tx.insert(users).values(row(1))
      await db.$flush({ wait: 'swapped' })
      await expect(
        tx.transaction(async (inner) => {
          await inner.insert(users).values(row(2))
          await db.$flush({ wait: 'swapped' })
          expect(await pidOf(inner)).toBe(pid)
          inner.rollback()
        }),
      ).rejects.toThrow('Rollback')
      await tx.transaction(async (inner) => {
        await inner.insert(users).values(row(3))
      })
      const rows = await tx.execute<{ transaction_isolation: string }>(sql`show transaction_isolation`)
      expect([...rows]).toEqual([{ transaction_isolation: 'serializable' }])
      expect(await db.$count(users)).toBe(0)
    },
    { isolationLevel: 'serializable' },
  )
  expect(await db.select({ id: users.id }).from(users).orderBy(users.id)).toEqual([{ id: 1 }, { id: 3 }])
  await db.$client.end()
})

test('Drizzle 1.0 on postgres.js: a transaction that is cut fails with CUT', async () => {
  const db = flushing()
  const reason = await db
    .transaction(async (tx) => {
      await tx.insert(users).values({ id: 1, email: 'never' })
      await db.$flush({ deadlineMs: 0, onDeadline: 'cut' })
      await tx.insert(users).values({ id: 2, email: 'never' })
    })
    .catch((error: Error) => error)
  expect(reason).toMatchObject({ code: 'CUT' })
  expect(await db.$count(users)).toBe(0)
  await db.$client.end()
})

test('Drizzle 1.0 on postgres.js: the database keeps its type, and $client is the flushing client', async () => {
  const db = flushing()
  expect(db.$client.$flusher).toBe(db.$flusher)
  const find = () => db.query.users.findFirst({ with: { posts: true } })
  type User = { id: number; email: string; tags: string[] | null; posts: (typeof posts.$inferSelect)[] }
  expectTypeOf(find).returns.resolves.toEqualTypeOf<User | undefined>()
  await db.$client.end()
})
