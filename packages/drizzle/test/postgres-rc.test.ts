import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import { eq, sql } from 'drizzle-orm-rc'
import { drizzle as drizzleNodePg } from 'drizzle-orm-rc/node-postgres'
import type { PgAsyncDatabase, PgQueryResultHKT } from 'drizzle-orm-rc/pg-core'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm-rc/postgres-js'
import { Pool } from 'pg'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { withPeriodicFlush as withPg } from '../src/node-postgres.ts'
import { withPeriodicFlush as withPostgres } from '../src/postgres-js.ts'
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

const onNodePg = () =>
  withPg(
    () => new Pool({ connectionString: pair.url(), max: 3 }),
    (client) => drizzleNodePg({ client, relations }),
    { intervalMs: false },
  )
const onPostgresJs = () =>
  withPostgres(
    () => postgres(pair.url(), { max: 3 }),
    (client) => drizzlePostgresJs({ client, relations }),
    { intervalMs: false },
  )

/** What both drivers' databases are, and all that is needed of the others' `$flusher`. */
type Database = PgAsyncDatabase<PgQueryResultHKT, typeof relations> &
  Pick<ReturnType<typeof onNodePg>, '$flush'> & { $flusher: { close(): Promise<void> }; $client: { $flusher: unknown } }

describe.each<{ driver: string; flushing: () => Database; cut: object }>([
  // Drizzle wraps what a statement fails with; postgres.js itself rejects a transaction that was cut.
  { driver: 'node-postgres', flushing: onNodePg, cut: { cause: { code: 'CUT' } } },
  { driver: 'postgres.js', flushing: onPostgresJs, cut: { code: 'CUT' } },
])('Drizzle 1.0 on $driver', ({ flushing, cut }) => {
  let db: Database
  beforeEach(() => {
    db = flushing()
  })
  afterEach(() => db.$flusher.close())

  const shown = async (of: Pick<Database, 'select'>, value: string) =>
    (await of.select({ value: sql<string>`${sql.raw(value)}` }).from(sql`(select 1) as one`))[0]?.value

  test('relational queries, prepared statements, counts and custom types go on over flushes', async () => {
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

  test('transactions keep their connection, savepoints and isolation level over flushes', async () => {
    const row = (id: number) => ({ id, email: `${id}@test` })
    await db.transaction(
      async (tx) => {
        const pid = await shown(tx, 'pg_backend_pid()')
        await tx.insert(users).values(row(1))
        await db.$flush({ wait: 'swapped' })
        await expect(
          tx.transaction(async (inner) => {
            await inner.insert(users).values(row(2))
            await db.$flush({ wait: 'swapped' })
            expect(await shown(inner, 'pg_backend_pid()')).toBe(pid)
            inner.rollback()
          }),
        ).rejects.toThrow('Rollback')
        await tx.transaction(async (inner) => {
          await inner.insert(users).values(row(3))
        })
        expect(await shown(tx, "current_setting('transaction_isolation')")).toBe('serializable')
        expect(await db.$count(users)).toBe(0)
      },
      { isolationLevel: 'serializable' },
    )
    expect(await db.select({ id: users.id }).from(users).orderBy(users.id)).toEqual([{ id: 1 }, { id: 3 }])
  })

  test('a transaction that is cut fails with CUT', async () => {
    const reason = await db
      .transaction(async (tx) => {
        await tx.insert(users).values({ id: 1, email: 'never' })
        await db.$flush({ deadlineMs: 0, onDeadline: 'cut' })
        await tx.insert(users).values({ id: 2, email: 'never' })
      })
      .catch((error: Error) => error)
    expect(reason).toMatchObject(cut)
    expect(await db.$count(users)).toBe(0)
  })

  test('$client is the flushing client', () => {
    expect(db.$client.$flusher).toBe(db.$flusher)
  })
})

test('Drizzle 1.0: the databases keep their types', () => {
  type User = { id: number; email: string; tags: string[] | null; posts: (typeof posts.$inferSelect)[] }
  const find = (db: ReturnType<typeof onNodePg>) => db.query.users.findFirst({ with: { posts: true } })
  expectTypeOf(find).returns.resolves.toEqualTypeOf<User | undefined>()
  const findToo = (db: ReturnType<typeof onPostgresJs>) => db.query.users.findFirst({ with: { posts: true } })
  expectTypeOf(findToo).returns.resolves.toEqualTypeOf<User | undefined>()
})
