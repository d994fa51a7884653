import * as orm from 'drizzle-orm'
import * as core from 'drizzle-orm/mysql-core'
import type { MySql2Database } from 'drizzle-orm/mysql2'
import * as rc from 'drizzle-orm-rc'
import * as coreRc from 'drizzle-orm-rc/mysql-core'
import type { MySql2Database as MySql2DatabaseRc } from 'drizzle-orm-rc/mysql2'
import { onDatabase, type Pages, reasonOf } from './documented.ts'
import type { Database, Edition } from './mysql-editions.ts'
import { schemaOf } from './mysql-schema.ts'

/** The pages that are not the same in both versions. */
export function versionedPages({ version }: Edition): Pages<Database> {
  return version === '1.0' ? pagesOfRc : pagesOfOld
}

/** What a database is configured with for relational queries: MariaDB has no lateral joins, which mode `default` needs. */
export function relationalConfig({ version }: Edition): object {
  return version === '1.0' ? { relations: relationsRc } : { schema, mode: 'planetscale' }
}

const { users, posts } = schemaOf({ orm, core })
const schema = {
  users,
  posts,
  usersRelations: orm.relations(users, ({ one, many }) => ({
    posts: many(posts),
    host: one(users, { fields: [users.invitedBy], references: [users.id] }),
  })),
  postsRelations: orm.relations(posts, ({ one }) => ({
    by: one(users, { fields: [posts.author], references: [users.id] }),
  })),
}
type Old = MySql2Database<typeof schema>

const rcUsers = coreRc.mysqlTable('users', {
  id: coreRc.int().primaryKey(),
  name: coreRc.text().notNull(),
  age: coreRc.int(),
})
const rcPosts = coreRc.mysqlTable('posts', {
  id: coreRc.int().primaryKey(),
  author: coreRc.int().notNull(),
  title: coreRc.text().notNull(),
})
const relationsRc = rc.defineRelations({ users: rcUsers, posts: rcPosts }, (r) => ({
  users: { posts: r.many.posts() },
  posts: { by: r.one.users({ from: r.posts.author, to: r.users.id }) },
}))
type Rc = MySql2DatabaseRc<typeof relationsRc>

const pagesOfOld: Pages<Database> = {
  'iterators that are left early':
    'with 0.45 their connection goes back to the pool with rows still to come, and natively the next query on it hangs',
  'relational queries v1': {
    'many, first and with relations, in both directions': async (of) => {
      const { query } = of as unknown as Old
      return [
        await query.users.findFirst(),
        await query.users.findMany({ with: { posts: true }, orderBy: users.id }),
        // MariaDB refuses what leads to one row: its derived tables do not see the columns outside.
        await reasonOf(query.posts.findMany({ with: { by: true }, orderBy: posts.id })),
      ]
    },
    'columns, filters, limits, offsets, order and extras': (of) =>
      (of as unknown as Old).query.users.findMany({
        columns: { id: true, name: true },
        where: (table, { gt }) => gt(table.age, 17),
        orderBy: (table, { desc }) => [desc(table.id)],
        limit: 1,
        offset: 1,
        extras: { loud: orm.sql<string>`upper(${users.name})`.as('loud') },
        with: { posts: { columns: { title: true } } },
      }),
    'prepared, with placeholders': async (of, on) => {
      const prepared = (of as unknown as Old).query.users
        .findMany({ where: (table, { eq }) => eq(table.id, orm.sql.placeholder('id')), with: { posts: true } })
        .prepare()
      const before = await prepared.execute({ id: 1 })
      await on.flush()
      return [before, await prepared.execute({ id: 2 })]
    },
  },
}

const pagesOfRc: Pages<Database> = {
  'relational queries v2': {
    'many, first, filters, order, limits and extras': async (of) => {
      const { query } = of as unknown as Rc
      return [
        await query.users.findFirst({ orderBy: { id: 'asc' } }),
        await query.users.findMany({
          columns: { id: true, name: true },
          where: { age: { gt: 17 } },
          orderBy: { id: 'desc' },
          limit: 1,
          offset: 1,
          extras: { loud: (table, { sql }) => sql<string>`upper(${table.name})` },
        }),
      ]
    },
    'with relations, by lateral joins, which MariaDB refuses': (of) =>
      reasonOf((of as unknown as Rc).query.users.findMany({ with: { posts: true } })),
    'prepared, with placeholders': async (of, on) => {
      const prepared = (of as unknown as Rc).query.users
        .findMany({ where: { id: { eq: rc.sql.placeholder('id') } }, limit: rc.sql.placeholder('limit') })
        .prepare()
      const before = await prepared.execute({ id: 1, limit: 1 })
      await on.flush()
      return [before, await prepared.execute({ id: 2, limit: 1 })]
    },
  },
  'JIT mappers': {
    'give the same rows': onDatabase((_, on) => {
      const db = on.open({ jit: true }) as unknown as Rc
      return db
        .select()
        .from(rcUsers)
        .leftJoin(rcPosts, rc.eq(rcPosts.author, rcUsers.id))
        .orderBy(rcUsers.id, rcPosts.id)
    }),
  },
  'iterators that are left early': {
    'give their connection back': onDatabase(async (of) => {
      const db = of as unknown as Rc
      const seen = []
      for (let n = 0; n < 5; n++) {
        for await (const { id } of db.select().from(rcUsers).orderBy(rcUsers.id).prepare().iterator()) {
          seen.push(id)
          break
        }
      }
      return [seen, await db.$count(rcUsers)]
    }),
  },
}
