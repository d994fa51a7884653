import type { FlushReport } from '@periodic-flush/core'
import { int, mysqlTable, text as mysqlText } from 'drizzle-orm/mysql-core'
import { drizzle as drizzleMysql, type MySql2Database } from 'drizzle-orm/mysql2'
import { drizzle as drizzlePg, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePostgres, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres from 'postgres'
import { expectTypeOf, test } from 'vitest'
import { withPeriodicFlush as withMysql2 } from '../src/mysql2.ts'
import { withPeriodicFlush as withPg } from '../src/node-postgres.ts'
import { withPeriodicFlush as withPostgres } from '../src/postgres-js.ts'

const user = pgTable('user', { id: integer().primaryKey(), email: text().notNull(), name: text() })
const schema = { user }
const person = mysqlTable('person', { id: int().primaryKey(), email: mysqlText().notNull() })
const mysqlSchema = { person }
type User = typeof user.$inferSelect

const onPostgres = () =>
  withPostgres(
    () => postgres(),
    (client) => drizzlePostgres(client, { schema }),
  )
const onPg = () =>
  withPg(
    () => new Pool(),
    (client) => drizzlePg(client, { schema }),
  )
const onMysql2 = () =>
  withMysql2(
    () => createPool({}),
    (client) => drizzleMysql(client, { schema: mysqlSchema, mode: 'default' }),
  )

test('what is returned is the database that Drizzle made, plus two members', () => {
  expectTypeOf(onPostgres).returns.toExtend<PostgresJsDatabase<typeof schema>>()
  expectTypeOf(onPg).returns.toExtend<NodePgDatabase<typeof schema>>()
  expectTypeOf(onMysql2).returns.toExtend<MySql2Database<typeof mysqlSchema>>()
  const members = (db: ReturnType<typeof onPostgres>) => ({ flush: () => db.$flush(), client: () => db.$client })
  type Members = ReturnType<typeof members>
  expectTypeOf<ReturnType<Members['flush']>>().resolves.toEqualTypeOf<FlushReport>()
  expectTypeOf<ReturnType<Members['client']>>().toExtend<postgres.Sql>()
})

test('rows are of the types that the schema gives them', () => {
  const asked = (db: ReturnType<typeof onPostgres>, pg: ReturnType<typeof onPg>, my: ReturnType<typeof onMysql2>) => ({
    select: async () => await db.select().from(user),
    partial: async () => await pg.select({ email: user.email }).from(user),
    relational: () => pg.query.user.findFirst(),
    transaction: () => db.transaction(async (tx) => (await tx.select({ id: user.id }).from(user))[0]?.id),
    mysql: async () => await my.select().from(person),
    count: async () => await db.$count(user),
  })
  type Asked = ReturnType<typeof asked>
  expectTypeOf<ReturnType<Asked['select']>>().resolves.toEqualTypeOf<User[]>()
  expectTypeOf<ReturnType<Asked['partial']>>().resolves.toEqualTypeOf<{ email: string }[]>()
  expectTypeOf<ReturnType<Asked['relational']>>().resolves.toEqualTypeOf<User | undefined>()
  expectTypeOf<ReturnType<Asked['transaction']>>().resolves.toEqualTypeOf<number | undefined>()
  expectTypeOf<ReturnType<Asked['mysql']>>().resolves.toEqualTypeOf<{ id: number; email: string }[]>()
  expectTypeOf<ReturnType<Asked['count']>>().resolves.toEqualTypeOf<number>()
})

test('a wrong call does not compile', () => {
  const pool = () => new Pool()
  const wrong = () => {
    // @ts-expect-error: the client of another driver
    withPostgres(pool, (client) => drizzlePostgres(client))
    // @ts-expect-error: a client is no factory
    withPg(new Pool(), drizzlePg)
    // @ts-expect-error: a database is made by a function, which is given the client
    withMysql2(() => createPool({}), {})
    // @ts-expect-error: an option that does not exist
    withPg(pool, (client) => drizzlePg(client), { intervall: 1 })
    // @ts-expect-error: an unknown column
    onPostgres().select({ age: user.age })
  }
  expectTypeOf(wrong).toBeFunction()
})
