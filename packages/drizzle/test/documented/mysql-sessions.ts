import { rm } from 'node:fs/promises'
import type { MySqlTransactionConfig } from 'drizzle-orm/mysql-core'
import { reset as emptied, seed } from 'drizzle-seed'
import { cached } from './cache.ts'
import { onDatabase, type Pages, reasonOf } from './documented.ts'
import { folderOfMigrations } from './migrations.ts'
import type { Database, Edition } from './mysql-editions.ts'
import { plain } from './mysql-queries.ts'
import type { Schema } from './mysql-schema.ts'

/** The pages on what takes more than one statement, or is configured. */
export function sessionPages(edition: Edition, { users, posts }: Schema): Pages<Database> {
  const { orm, core, version } = edition
  const { sql, eq, asc } = orm
  const { placeholder } = sql
  const byId = asc(users.id)
  const idOf = (of: Database) => of.select({ id: users.id }).from(users).orderBy(byId)
  const configured = (config: MySqlTransactionConfig) =>
    onDatabase<Database>((db, on) =>
      db.transaction(async (tx) => {
        const before = await tx.$count(posts)
        await db.delete(posts)
        await on.flush()
        const changed = await reasonOf(tx.delete(users))
        return [before, await tx.$count(posts), JSON.stringify(changed)]
      }, config),
    )
  return {
    transactions: {
      'commit, and give what the callback returns': onDatabase(async (db, on) => {
        const given = await db.transaction(async (tx) => {
          await tx.update(users).set({ age: 1 }).where(eq(users.id, 1))
          await on.flush()
          return tx.select({ age: users.age }).from(users).where(eq(users.id, 1))
        })
        return [given, await db.select().from(users).orderBy(byId)]
      }),
      'nested, are savepoints': onDatabase(async (db, on) => {
        await db.transaction(async (tx) => {
          await tx.delete(users).where(eq(users.id, 1))
          await tx.transaction(async (inner) => {
            await inner.delete(users).where(eq(users.id, 2))
            await on.flush()
            const undone = inner.transaction(async (innermost) => {
              await innermost.delete(users)
              await on.flush()
              throw new Error('undo')
            })
            await reasonOf(undone)
          })
        })
        return idOf(db)
      }),
      'roll back on demand': async (db, on) => {
        const undone = db.transaction(async (tx) => {
          await tx.delete(users)
          await on.flush()
          tx.rollback()
        })
        return [await reasonOf(undone), await idOf(db)]
      },
      'roll back by an error of the server': async (db, on) => {
        const failed = db.transaction(async (tx) => {
          await tx.delete(posts)
          await on.flush()
          await tx.insert(users).values({ id: 1, name: 'twice' })
        })
        return [await reasonOf(failed), await db.$count(posts)]
      },
      'roll back where the connection is lost': onDatabase(async (db, on) => {
        const failed = db.transaction(async (tx) => {
          await tx.delete(posts)
          await on.flush()
          await tx.execute(sql`kill connection_id()`)
        })
        // Whether the end of the connection or its reset comes first is a race.
        return [await failed.catch(() => 'lost'), await db.$count(posts)]
      }),
      'read committed, read write': configured({ isolationLevel: 'read committed', accessMode: 'read write' }),
      'repeatable read, read only': configured({ isolationLevel: 'repeatable read', accessMode: 'read only' }),
      'with a consistent snapshot': onDatabase((db, on) =>
        db.transaction(
          async (tx) => {
            await db.delete(posts)
            await on.flush()
            return tx.$count(posts)
          },
          { isolationLevel: 'repeatable read', withConsistentSnapshot: true },
        ),
      ),
      'with an iterator in them': onDatabase((db, on) =>
        db.transaction(async (tx) => {
          await tx.delete(users).where(eq(users.id, 1))
          const rows = []
          for await (const row of tx.select().from(users).orderBy(byId).prepare().iterator()) {
            rows.push(row)
            if (rows.length === 1) await on.flush()
          }
          return [rows, await idOf(tx as unknown as Database)]
        }),
      ),
    },
    'query performance': {
      'prepared statements': async (db, on) => {
        const prepared = db.select().from(users).orderBy(byId).prepare()
        const before = await prepared.execute()
        await on.flush()
        return [before, await prepared.execute(), await prepared.execute()]
      },
      'placeholders, in where, limit and offset': async (db, on) => {
        const prepared = db
          .select()
          .from(users)
          .where(sql`${users.name} like ${placeholder('name')}`)
          .orderBy(byId)
          .limit(placeholder('limit'))
          .offset(placeholder('offset'))
          .prepare()
        const before = await prepared.execute({ name: '%a%', limit: 1, offset: 0 })
        await on.flush()
        return [before, await prepared.execute({ name: '%a%', limit: 1, offset: 1 })]
      },
      'placeholders in what is written': async (db, on) => {
        const insert = db
          .insert(users)
          .values({ name: placeholder('name') })
          .prepare()
        const erase = db
          .delete(users)
          .where(eq(users.id, placeholder('id')))
          .prepare()
        const inserted = plain(await insert.execute({ name: 'Fay' }))
        await on.flush()
        return [inserted, plain(await erase.execute({ id: 3 }))]
      },
    },
    'raw queries': {
      'a string': async (db) => plain(await db.execute('select 1 as one')),
      'with parameters': async (db) => plain(await db.execute(sql`select * from ${users} where ${users.id} = ${1}`)),
      'of dates, numbers and JSON, as the driver gives them': async (db) =>
        plain(
          await db.execute(sql`select timestamp('2024-02-03 04:05:06') as t, date('2024-02-03') as d, 1.5 as n,
            cast(9007199254740993 as signed) as big, json_object('a', 1) as j`),
        ),
      'that write': async (db) => plain(await db.execute(sql`update users set age = 1 where id < 3`)),
      'that fail': (db) => reasonOf(db.execute('select nonsense from nowhere')),
      'of a procedure': async (db) => plain(await db.execute(sql`call several()`)),
    },
    goodies: {
      'logging, by a logger of one’s own': onDatabase(async (_, on) => {
        const heard: unknown[] = []
        const db = on.open({ logger: { logQuery: (query: string, params: unknown[]) => heard.push([query, params]) } })
        await db.select().from(users).where(eq(users.id, 1))
        await db.transaction((tx) => tx.delete(users))
        return heard
      }),
      'logging, by the default one': onDatabase(async (_, on) => {
        const heard: string[] = []
        const logger = new orm.DefaultLogger({ writer: { write: (message) => heard.push(message) } })
        await on.open({ logger }).select().from(users).where(eq(users.id, 1))
        return heard
      }),
      toSQL: async (db) => db.select().from(users).where(eq(users.id, 1)).toSQL(),
      'statements that are built first and run later': async (db, on) => {
        const statement = db.select().from(users).orderBy(byId)
        await on.flush()
        return [await statement, await statement]
      },
    },
    'read replicas': {
      'reads go to a replica, writes to the primary': onDatabase(async (db, on) => {
        const chosen: string[] = []
        const both = core.withReplicas(db, [on.open({}), on.open({})], ([, second]) => {
          chosen.push('second')
          return second ?? db
        })
        await both.insert(users).values({ name: 'Fay' })
        await both.transaction((tx) => tx.delete(posts))
        return [await both.select().from(users).orderBy(byId), await both.$primary.$count(users), chosen]
      }),
    },
    cache: {
      'on demand, by a tag, invalidated by what is written': onDatabase((_, on) => withCache('explicit', on.open)),
      'for everything': onDatabase((_, on) => withCache('all', on.open)),
    },
    migrations: {
      'applied at run time, once': onDatabase(async (db, on) => {
        const migrationsFolder = await folderOfMigrations(version)
        try {
          await edition.migrate(db, { migrationsFolder })
          await on.flush()
          await edition.migrate(db, { migrationsFolder })
          const applied = 'select count(*) as n, max(created_at) as last from __drizzle_migrations'
          return [plain(await db.execute('select * from migrated')), plain(await db.execute(applied))]
        } finally {
          await rm(migrationsFolder, { recursive: true })
        }
      }),
      'that fail': onDatabase(async (db) => {
        const migrationsFolder = await folderOfMigrations(version, 'insert into nowhere values (1)')
        try {
          return await reasonOf(edition.migrate(db, { migrationsFolder }))
        } finally {
          await rm(migrationsFolder, { recursive: true })
        }
      }),
    },
    seed:
      version === '1.0'
        ? 'drizzle-seed 0.3 is for drizzle-orm 0.x; the one for 1.0 is not released'
        : {
            'the same rows for the same seed': onDatabase(async (db) => {
              await db.delete(posts)
              await seed(db as never, { posts }, { count: 20, seed: 7 })
              return db.select().from(posts).orderBy(posts.id)
            }),
            reset: onDatabase(async (db) => {
              await emptied(db as never, { posts })
              return db.$count(posts)
            }),
          },
    'batch API': 'of libSQL, Neon and D1: these drivers have none',
    'connect: PlanetScale, TiDB, Bun, AWS Data API, proxy':
      'another driver: its client is refused by the tests of arguments, or has no entry point here',
    'connect: a single connection': 'refused, with an error that says to use createPool: see the tests of arguments',
    'what PostgreSQL’s table names as of types, of validation, of drizzle-kit': 'the same here',
  }

  function withCache(strategy: 'explicit' | 'all', open: (config: object) => Database): Promise<unknown> {
    return cached(edition.Cache, strategy, (cache) => {
      const db = open({ cache })
      const select = () => db.select().from(users).orderBy(byId)
      return {
        ask: () => (strategy === 'explicit' ? select().$withCache({ tag: 'everyone' }) : select()),
        askDirectly: () => select().$withCache(false),
        write: () => db.insert(users).values({ name: 'Fay' }),
        invalidate: () =>
          (db as unknown as { $cache: { invalidate(what: object): unknown } }).$cache.invalidate({ tags: 'everyone' }),
      }
    })
  }
}
