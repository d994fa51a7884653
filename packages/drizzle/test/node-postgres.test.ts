import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import { eq, relations, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { customType, integer, jsonb, numeric, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, expectTypeOf, test } from 'vitest'
import { withPeriodicFlush } from '../src/node-postgres.ts'

/** A type of the user's own: comma-separated in the database, a list here. */
const tags = customType<{ data: string[]; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => value.join(','),
  fromDriver: (value) => value.split(','),
})

const users = pgTable('users', { id: integer().primaryKey(), email: text().notNull(), tags: tags() })
const posts = pgTable('posts', {
  id: integer().primaryKey(),
  author: integer().notNull(),
  at: timestamp(),
  data: jsonb().$type<{ side: string }>(),
  price: numeric(),
  list: integer().array(),
})
const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }))
const postsRelations = relations(posts, ({ one }) => ({
  user: one(users, { fields: [posts.author], references: [users.id] }),
}))
const schema = { users, posts, usersRelations, postsRelations }

let pair: FailoverPair
beforeAll(async () => {
  pair = await failoverPair({ database: 'app' })
  await pair.query(`create table users (id int primary key, email text not null, tags text);
    create table posts (id int primary key, author int not null, at timestamp, data jsonb, price numeric, list int[])`)
})
beforeEach(async () => {
  pair.moveTo('blue')
  await pair.query('truncate users, posts')
})
afterAll(() => pair.stop())

const flushing = () =>
  withPeriodicFlush(
    () => new Pool({ connectionString: pair.url(), max: 3 }),
    (client) => drizzle(client, { schema }),
    { intervalMs: false },
  )

const pidOf = async (db: Pick<NodePgDatabase<typeof schema>, 'execute'>) =>
  (await db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows[0]?.pid

test('relational queries, prepared statements, counts and custom types go on over flushes, on either server', async () => {
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
    expect(await db.select({ n: db.$count(posts, eq(posts.author, users.id)) }).from(users)).toEqual([{ n: 1 }])
    expect((await pair[side].query(`select tags from users`))[0]).toEqual({ tags: 'a,b' })
  }
  await db.$flusher.close()
  expect(await pair.green.backends()).toEqual([])
})

test('transactions keep their connection, savepoints and isolation level over flushes', async () => {
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
      const { rows } = await tx.execute(sql`show transaction_isolation`)
      expect(rows).toEqual([{ transaction_isolation: 'serializable' }])
      expect(await db.$count(users)).toBe(0)
    },
    { isolationLevel: 'serializable' },
  )
  expect(await db.select({ id: users.id }).from(users).orderBy(users.id)).toEqual([{ id: 1 }, { id: 3 }])
  await db.$client.end()
})

test('a transaction that is cut fails with CUT, not with what its rollback meets', async () => {
  const db = flushing()
  const reason = await db
    .transaction(async (tx) => {
      await tx.insert(users).values({ id: 1, email: 'never' })
      await db.$flush({ deadlineMs: 0, onDeadline: 'cut' })
      await tx.insert(users).values({ id: 2, email: 'never' })
    })
    .catch((error: Error) => error)
  // Drizzle wraps what a statement fails with, and says where.
  expect(reason).toMatchObject({ cause: { code: 'CUT' } })
  expect(await db.$count(users)).toBe(0)
  await db.$client.end()
})

test('the database keeps its type, and $client is the flushing pool', async () => {
  const db = flushing()
  expect(db.$client).toBeInstanceOf(Pool)
  expect(db.$client.$flusher).toBe(db.$flusher)
  expectTypeOf(db).toExtend<NodePgDatabase<typeof schema>>()
  const find = () => db.query.users.findFirst({ with: { posts: true } })
  type User = { id: number; email: string; tags: string[] | null; posts: (typeof posts.$inferSelect)[] }
  expectTypeOf(find).returns.resolves.toEqualTypeOf<User | undefined>()
  await db.$client.end()
})
