import { type FailoverPair, failoverPair, type MariadbServer } from '@periodic-flush/testing'
import { eq, relations, sql } from 'drizzle-orm'
import { customType, datetime, int, json, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { defineRelations as defineRelationsRc, eq as eqRc, sql as sqlRc } from 'drizzle-orm-rc'
import * as rcCore from 'drizzle-orm-rc/mysql-core'
import { drizzle as drizzleRc } from 'drizzle-orm-rc/mysql2'
import { createPool } from 'mysql2'
import * as promise from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { withPeriodicFlush } from '../src/mysql2.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const upper = { dataType: () => 'varchar(20)', toDriver: (text: string) => text.toUpperCase() }

const authors = mysqlTable('authors', { id: int().primaryKey(), name: varchar({ length: 20 }) })
const books = mysqlTable('books', {
  id: int().primaryKey(),
  author: int(),
  title: customType<{ data: string }>(upper)(),
  at: datetime(),
  data: json(),
})
const schema = {
  authors,
  books,
  authorsRelations: relations(authors, ({ many }) => ({ books: many(books) })),
  booksRelations: relations(books, ({ one }) => ({
    by: one(authors, { fields: [books.author], references: [authors.id] }),
  })),
}

const authorsRc = rcCore.mysqlTable('authors', {
  id: rcCore.int().primaryKey(),
  name: rcCore.varchar({ length: 20 }),
})
const booksRc = rcCore.mysqlTable('books', {
  id: rcCore.int().primaryKey(),
  author: rcCore.int(),
  title: rcCore.customType<{ data: string }>(upper)(),
  at: rcCore.datetime(),
  data: rcCore.json(),
})
const relationsRc = defineRelationsRc({ authors: authorsRc, books: booksRc }, (r) => ({
  authors: { books: r.many.books({ from: r.authors.id, to: r.books.author }) },
}))

const at = new Date('2024-02-03T04:05:06Z')
// MariaDB has no lateral joins, which the other mode is made of.
const mode = 'planetscale'

const quiet = { intervalMs: false } as const

describe.runIf(mariadbInstalled)('a Drizzle database on mysql2', () => {
  let pair: FailoverPair<MariadbServer>
  const closing: { $flusher: { close(): Promise<void> } }[] = []
  beforeAll(async () => {
    pair = await failoverPair({ engine: 'mariadb', database: 'app', name: 'drizzle.periodic-flush.test' })
    await pair.query('create table authors (id int primary key, name varchar(20))')
    await pair.query('create table books (id int primary key, author int, title varchar(20), at datetime, data json)')
  })
  beforeEach(() => pair.moveTo('blue'))
  afterEach(async () => {
    vi.restoreAllMocks()
    await Promise.all(closing.splice(0).map(({ $flusher }) => $flusher.close()))
    await pair.query('delete from authors')
    await pair.query('delete from books')
  })
  afterAll(() => pair.stop())

  function closed<Database extends (typeof closing)[number]>(db: Database): Database {
    closing.push(db)
    return db
  }

  const config = () => ({ uri: pair.url(), connectionLimit: 3, timezone: 'Z' })

  test.each([
    {
      flavour: 'promise',
      open: () =>
        withPeriodicFlush(
          () => promise.createPool(config()),
          (client) => drizzle(client, { schema, mode }),
          quiet,
        ),
    },
    {
      flavour: 'callback',
      open: () =>
        withPeriodicFlush(
          () => createPool(config()),
          (client) => drizzle(client, { schema, mode }),
          quiet,
        ),
    },
  ])('keeps all that it is made of over flushes, on a $flavour pool', async ({ open }) => {
    const db = closed(open())
    const prepared = db
      .select()
      .from(books)
      .where(eq(books.id, sql.placeholder('id')))
      .prepare()
    for (const side of ['blue', 'green'] as const) {
      pair.moveTo(side)
      await db.$flush()
      const row = { id: 1, author: 7, title: 'TITLE', at, data: { side } }
      await db.insert(authors).values({ id: 7, name: side })
      await db.transaction(
        async (tx) => {
          await tx.insert(books).values({ ...row, title: 'title' })
          await db.$flush({ wait: 'swapped' })
          const undone = tx.transaction(async (inner) => {
            await inner.delete(books)
            inner.rollback()
          })
          await expect(undone).rejects.toThrow()
          expect(await tx.$count(books)).toBe(1)
        },
        { isolationLevel: 'serializable' },
      )
      expect(await db.select().from(books)).toEqual([row])
      expect(await db.query.authors.findFirst({ with: { books: true } })).toEqual({ id: 7, name: side, books: [row] })
      expect(await prepared.execute({ id: 1 })).toEqual([row])
      expect(await db.$count(books)).toBe(1)
      expect((await db.execute(sql`select @@bind_address as at`))[0]).toMatchObject([{ at: pair[side].host }])
    }
    expect(db.$client).toHaveProperty('$flusher', db.$flusher)
    expect(db.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
    await db.$flusher.close()
    expect([...(await pair.blue.backends()), ...(await pair.green.backends())]).toEqual([])
  })

  test('gives its connection back after an iterator that a flush came across', async () => {
    // mysql2 warns of the way in which Drizzle gives it back.
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const db = closed(
      withPeriodicFlush(
        () => promise.createPool(config()),
        (client) => drizzle(client, { schema, mode }),
        quiet,
      ),
    )
    await db.insert(authors).values([1, 2, 3].map((id) => ({ id, name: `author ${id}` })))
    const seen: number[] = []
    for await (const { id } of db.select().from(authors).orderBy(authors.id).prepare().iterator()) {
      seen.push(id)
      await db.$flush({ wait: 'swapped' })
    }
    expect(seen).toEqual([1, 2, 3])
    await expect.poll(() => db.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
  })

  test('is also one of Drizzle 1.0', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const db = closed(
      withPeriodicFlush(
        () => createPool(config()),
        (client) => drizzleRc({ client, relations: relationsRc }),
        quiet,
      ),
    )
    const prepared = db
      .select()
      .from(booksRc)
      .where(eqRc(booksRc.id, sqlRc.placeholder('id')))
      .prepare()
    for (const side of ['blue', 'green'] as const) {
      pair.moveTo(side)
      await db.$flush()
      const row = { id: 1, author: 7, title: 'TITLE', at, data: { side } }
      await db.insert(authorsRc).values({ id: 7, name: side })
      await db.transaction(
        async (tx) => {
          await tx.insert(booksRc).values({ ...row, title: 'title' })
          await db.$flush({ wait: 'swapped' })
          const undone = tx.transaction(async (inner) => {
            await inner.delete(booksRc)
            inner.rollback()
          })
          await expect(undone).rejects.toThrow()
        },
        { isolationLevel: 'read committed' },
      )
      expect(await db.select().from(booksRc)).toEqual([row])
      expect(await db.query.books.findFirst()).toEqual(row)
      expect(await prepared.execute({ id: 1 })).toEqual([row])
      expect(await db.$count(booksRc)).toBe(1)
      const seen: unknown[] = []
      for await (const each of db.select().from(authorsRc).prepare().iterator()) seen.push(each)
      expect(seen).toEqual([{ id: 7, name: side }])
    }
    await expect.poll(() => db.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
  })

  test('has a factory that may be async', async () => {
    const db = closed(
      await withPeriodicFlush(
        async () => promise.createPool(config()),
        (client) => drizzle(client),
        quiet,
      ),
    )
    pair.moveTo('green')
    await db.$flush()
    expect((await db.execute(sql`select @@bind_address as at`))[0]).toMatchObject([{ at: '127.0.0.2' }])
  })
})
