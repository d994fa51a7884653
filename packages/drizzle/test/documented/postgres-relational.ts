import * as orm from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import * as rc from 'drizzle-orm-rc'
import type { NodePgDatabase as NodePgDatabaseRc } from 'drizzle-orm-rc/node-postgres'
import * as coreRc from 'drizzle-orm-rc/pg-core'
import { onDatabase, type Pages, reasonOf } from './documented.ts'
import type { Database, Edition } from './postgres-editions.ts'
import { editions } from './postgres-editions.ts'
import { plain } from './postgres-queries.ts'
import { schemaOf } from './postgres-schema.ts'

/** The pages that are not the same in both versions: relational queries, and what only 1.0 has. */
export function versionedPages({ version }: Edition): Pages<Database> {
  return version === '1.0' ? pagesOfRc : pagesOfOld
}

/** What a database is configured with for relational queries. */
export function relationalConfig({ version }: Edition): object {
  return version === '1.0' ? { relations: relationsRc } : { schema }
}

const { users, posts } = schemaOf({ orm, core: editionOf('0.45').core })
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
type Old = NodePgDatabase<typeof schema>

const rcUsers = coreRc.pgTable('users', {
  id: coreRc.integer().primaryKey(),
  name: coreRc.text().notNull(),
  age: coreRc.integer(),
  invitedBy: coreRc.integer('invited_by'),
})
const rcPosts = coreRc.pgTable('posts', {
  id: coreRc.integer().primaryKey(),
  author: coreRc.integer().notNull(),
  title: coreRc.text().notNull(),
  labels: coreRc.text().array(),
})
const relationsRc = rc.defineRelations({ users: rcUsers, posts: rcPosts }, (r) => ({
  users: {
    posts: r.many.posts(),
    host: r.one.users({ from: r.users.invitedBy, to: r.users.id }),
  },
  posts: { by: r.one.users({ from: r.posts.author, to: r.users.id }) },
}))
type Rc = NodePgDatabaseRc<typeof relationsRc>

const pagesOfOld: Pages<Database> = {
  'relational queries v1': {
    'many, and first': async (of) => {
      const { query } = of as unknown as Old
      return [await query.users.findMany({ orderBy: orm.asc(users.id) }), await query.users.findFirst()]
    },
    'with relations, in both directions': async (of) => {
      const { query } = of as unknown as Old
      const nested = query.users.findMany({ with: { posts: { with: { by: true } }, host: true }, orderBy: users.id })
      return [await nested, await query.posts.findMany({ with: { by: true }, orderBy: posts.id })]
    },
    'columns, filters, limits, offsets, order and extras': (of) =>
      (of as unknown as Old).query.users.findMany({
        columns: { id: true, name: true },
        where: (table, { gt }) => gt(table.age, 17),
        orderBy: (table, { desc }) => [desc(table.id)],
        limit: 1,
        offset: 1,
        extras: { loud: orm.sql<string>`upper(${users.name})`.as('loud') },
        with: { posts: { columns: { title: true }, limit: 1, orderBy: (table, { desc }) => [desc(table.id)] } },
      }),
    'prepared, with placeholders': async (of, on) => {
      const prepared = (of as unknown as Old).query.users
        .findMany({
          where: (table, { eq }) => eq(table.id, orm.sql.placeholder('id')),
          offset: orm.sql.placeholder('offset'),
          with: { posts: { limit: orm.sql.placeholder('posts') } },
        })
        .prepare('users_with_posts')
      const before = await prepared.execute({ id: 1, offset: 0, posts: 1 })
      await on.flush()
      return [before, await prepared.execute({ id: 1, offset: 0, posts: 2 })]
    },
  },
}

const pagesOfRc: Pages<Database> = {
  'relational queries v2': {
    'many, and first': async (of) => {
      const { query } = of as unknown as Rc
      return [await query.users.findMany({ orderBy: { id: 'asc' } }), await query.users.findFirst()]
    },
    'with relations, in both directions': async (of) => {
      const { query } = of as unknown as Rc
      const nested = query.users.findMany({
        with: { posts: { with: { by: true } }, host: true },
        orderBy: { id: 'asc' },
      })
      return [await nested, await query.posts.findMany({ with: { by: true }, orderBy: { id: 'asc' } })]
    },
    'columns, filters, limits, offsets, order, extras and subqueries': (of) => {
      const db = of as unknown as Rc
      return db.query.users.findMany({
        columns: { id: true, name: true },
        where: { age: { gt: 17 }, RAW: (table, { sql }) => sql`length(${table.name}) = 3` },
        orderBy: (table, { desc }) => desc(table.id),
        limit: 1,
        offset: 1,
        extras: {
          loud: (table, { sql }) => sql<string>`upper(${table.name})`,
          n: (table) => db.$count(rcPosts, rc.eq(rcPosts.author, table.id)),
        },
        with: { posts: { columns: { title: true }, limit: 1, orderBy: { id: 'desc' } } },
      })
    },
    'filtered by a relation': (of) =>
      (of as unknown as Rc).query.users.findMany({ where: { posts: { title: { like: 'F%' } } } }),
    'prepared, with placeholders': async (of, on) => {
      const prepared = (of as unknown as Rc).query.users
        .findMany({
          where: { id: { eq: rc.sql.placeholder('id') } },
          limit: rc.sql.placeholder('limit'),
          with: { posts: { offset: rc.sql.placeholder('offset') } },
        })
        .prepare('users_with_posts')
      const before = await prepared.execute({ id: 1, limit: 1, offset: 0 })
      await on.flush()
      return [before, await prepared.execute({ id: 1, limit: 1, offset: 1 })]
    },
  },
  'SQL comments': {
    'arrive at the server': async (of) => {
      const db = of as unknown as Rc
      const running = rc.sql<string>`(select query from pg_stat_activity where pid = pg_backend_pid())`
      return [
        await db.select({ running }).from(rcUsers).limit(1).comment({ route: '/api', version: 2 }),
        plain(await db.update(rcUsers).set({ age: 1 }).comment('mine')),
      ]
    },
  },
  'JIT mappers': {
    'give the same rows': onDatabase(async (_, on) => {
      const db = on.open({ jit: true, relations: relationsRc }) as unknown as Rc
      return [
        await db
          .select()
          .from(rcUsers)
          .leftJoin(rcPosts, rc.eq(rcPosts.author, rcUsers.id))
          .orderBy(rcUsers.id, rcPosts.id),
        await db.query.users.findMany({ with: { posts: true }, orderBy: { id: 'asc' } }),
      ]
    }),
  },
  codecs: {
    'of one’s own': onDatabase((_, on) => {
      const integer = { cast: (name: unknown) => rc.sql`${name}::text`, normalize: (text: string) => `normal ${text}` }
      return (on.open({ codecs: { integer, int: integer } }) as unknown as Rc)
        .select()
        .from(rcUsers)
        .orderBy(rcUsers.id)
    }),
    'within JSON': (of) =>
      (of as unknown as Rc).select({ all: rc.sql`json_agg(${rcPosts.labels} order by ${rcPosts.id})` }).from(rcPosts),
  },
  'transactions of 1.0': {
    'on the snapshot of another': onDatabase((of, on) => {
      const db = of as unknown as Rc
      return db.transaction(
        async (tx) => {
          const asked = rc.sql`select pg_export_snapshot() as snapshot`
          const [first] = Object.values((plain(await tx.execute(asked)) as { shown: { snapshot: string }[] }).shown)
          await db.delete(rcPosts)
          await on.flush()
          const isolationLevel = 'repeatable read'
          return db.transaction((other) => other.$count(rcPosts), {
            isolationLevel,
            snapshot: first?.snapshot ?? '',
          } as never)
        },
        { isolationLevel: 'repeatable read' },
      )
    }),
  },
  errors: {
    'without parameters, on demand': onDatabase(async (_, on) => {
      const failing = (config: object) => reasonOf(on.open(config).execute(rc.sql`select 1 / ${0}::int` as never))
      return [await failing({ paramsInErrors: false }), await failing({ paramsInErrors: true })]
    }),
  },
}

function editionOf(version: Edition['version']): Edition {
  const found = editions.find((edition) => edition.version === version)
  if (found === undefined) throw new Error(`no edition of ${version}`)
  return found
}
