import { type Generated, Kysely, PostgresDialect, sql } from 'kysely'
import Cursor from 'pg-cursor'
import { expect, test } from 'vitest'
import { reasonOf, stage, until } from './stage.ts'

const on = stage()

interface Database {
  entry: { id: Generated<number>; name: string }
}

test('Kysely takes a flushing pool: queries, transactions and streams, with a flush every 50 ms', async () => {
  const pool = on.flushing({ max: 4 }, { intervalMs: 50 })
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
  await db.schema
    .createTable('entry')
    .addColumn('id', 'serial', (column) => column.primaryKey())
    .addColumn('name', 'text')
    .execute()
  const pid = async (on: Kysely<Database>) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid, pg_sleep(0.01)`.execute(on)
    return rows[0]?.pid
  }
  const flushedTwice = async () => {
    const { flushes } = pool.$flusher.stats()
    await until(async () => {
      await pid(db)
      return pool.$flusher.stats().flushes >= flushes + 2
    })
  }

  const before = await pid(db)
  await db.insertInto('entry').values({ name: 'plain' }).execute()
  await flushedTwice()
  expect(await pid(db)).not.toBe(before)

  await db.transaction().execute(async (tx) => {
    const mine = await pid(tx)
    await tx.insertInto('entry').values({ name: 'kept' }).execute()
    await flushedTwice()
    expect(await pid(tx)).toBe(mine)
    const seen = await db.selectFrom('entry').select('name').execute()
    expect(seen).toEqual([{ name: 'plain' }])
  })
  await expect(
    db.transaction().execute(async (tx) => {
      await tx.insertInto('entry').values({ name: 'dropped' }).execute()
      await flushedTwice()
      throw new Error('changed my mind')
    }),
  ).rejects.toThrow('changed my mind')
  expect(await db.selectFrom('entry').select('name').orderBy('id').execute()).toEqual([
    { name: 'plain' },
    { name: 'kept' },
  ])

  await sql`insert into entry (name) select n::text from generate_series(1, 98) as n`.execute(db)
  let streamed = 0
  for await (const { name } of db.selectFrom('entry').select('name').orderBy('id').stream(10)) {
    expect(name).toBeTypeOf('string')
    if (++streamed === 30) await flushedTwice()
  }
  expect(streamed).toBe(100)
  // One that is left early gives its connection back.
  for await (const _ of db.selectFrom('entry').select('name').stream(10)) break
  await until(() => pool.$flusher.stats().leases === 0)

  expect(pool.$flusher.stats().failures).toBe(0)
  await db.destroy()
  expect(pool.ended).toBe(true)
})

test('what the dialect is told to do with each connection is done with those of every generation', async () => {
  const calls: string[] = []
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({
      pool: async () => pool,
      onCreateConnection: async () => void calls.push('create'),
      onReserveConnection: async () => void calls.push('reserve'),
    }),
  })
  const pool = on.flushing({ max: 1 })
  for (const _ of [1, 2]) {
    await sql`select 1`.execute(db)
    await sql`select 2`.execute(db)
    expect(calls.splice(0)).toEqual(['create', 'reserve', 'reserve'])
    await pool.$flush()
  }
  await db.destroy()
  expect(pool.ended).toBe(true)
})

test('connections that are held, and controlled transactions with savepoints, stay on theirs over a flush', async () => {
  const pool = on.flushing({ max: 3 })
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  const pid = async (of: Kysely<Database>) =>
    (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(of)).rows[0]?.pid
  await sql`create temporary table if not exists nothing (n int)`.execute(db)
  await db.connection().execute(async (connection) => {
    const mine = await pid(connection)
    await pool.$flush({ wait: 'swapped' })
    expect(await pid(connection)).toBe(mine)
    expect(await pid(db)).not.toBe(mine)
  })
  const tx = await db.startTransaction().setIsolationLevel('serializable').execute()
  const mine = await pid(tx)
  const inner = await tx.savepoint('mine').execute()
  await pool.$flush({ wait: 'swapped' })
  await sql`create table undone (n int)`.execute(inner)
  await inner.rollbackToSavepoint('mine').execute()
  expect(await pid(tx)).toBe(mine)
  expect((await sql`select to_regclass('undone') as found`.execute(tx)).rows).toEqual([{ found: null }])
  await tx.commit().execute()
  await until(() => pool.$flusher.stats().retiring.length === 0)
  expect(pool.$flusher.stats().leases).toBe(0)
  await db.destroy()
})

test.each(['cancel query', 'kill session'] as const)(
  'a query that is aborted with `%s` ends on the server, also on a connection of an old generation',
  async (inflightQueryAbortStrategy) => {
    const pool = on.flushing({ max: 2 }, { deadlineMs: 20 })
    const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
    const over = new AbortController()
    const asleep = async () =>
      (await on.server.backends()).filter(({ query, state }) => state === 'active' && query.includes('pg_sleep(64)'))
        .length
    const asked = sql`select pg_sleep(64)`.execute(db, { signal: over.signal, inflightQueryAbortStrategy })
    const ended = expect(asked).rejects.toThrow('abort')
    await until(async () => (await asleep()) === 1)
    await pool.$flush()
    over.abort()
    await ended
    await until(async () => (await asleep()) === 0)
    await until(() => pool.$flusher.stats().retiring.length === 0)
    await db.destroy()
  },
)

test('a stream of Kysely whose connection is cut ends with the error that says so', async () => {
  const pool = on.flushing()
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
  const rows = db.selectFrom('entry').select('name').stream(1)
  await rows.next()
  await pool.$flush({ deadlineMs: 0, onDeadline: 'cut' })
  expect(await reasonOf(rows.next())).toMatchObject({ code: 'CUT' })
})
