import { rm } from 'node:fs/promises'
import type { PgTransactionConfig } from 'drizzle-orm/pg-core'
import { reset as emptied, seed } from 'drizzle-seed'
import { cached } from './cache.ts'
import { onDatabase, type Pages, reasonOf } from './documented.ts'
import { folderOfMigrations } from './migrations.ts'
import type { Database, Edition } from './postgres-editions.ts'
import { attempt, plain } from './postgres-queries.ts'
import type { Schema } from './postgres-schema.ts'

const kit = 'a command line tool, which connects by itself: nothing that is flushed takes part'
const types = 'of types and of validation alone: it meets no database'
const others = 'another driver: its client is refused by the tests of arguments, or has no entry point here'

/** The pages on what takes more than one statement, or is configured. */
export function sessionPages(edition: Edition, { users, posts, secrets }: Schema): Pages<Database> {
  const { orm, core, version } = edition
  const { sql, eq, asc } = orm
  const { placeholder } = sql
  const byId = asc(users.id)
  const idOf = (of: Database) => of.select({ id: users.id }).from(users).orderBy(byId)
  const configured = (
    config: PgTransactionConfig,
    what = 'transaction_isolation, transaction_read_only, transaction_deferrable',
  ) =>
    onDatabase<Database>((db, on) =>
      db.transaction(async (tx) => {
        await on.flush()
        const settings = what.split(', ')
        const found = []
        for (const setting of settings) found.push(plain(await tx.execute(sql.raw(`show ${setting}`))))
        return found
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
            await reasonOf(
              inner.transaction(async (innermost) => {
                await innermost.delete(users)
                await on.flush()
                throw new Error('undo')
              }),
            )
          })
        })
        return idOf(db)
      }),
      'roll back on demand': async (db, on) => {
        const reason = await reasonOf(
          db.transaction(async (tx) => {
            await tx.delete(users)
            await on.flush()
            tx.rollback()
          }),
        )
        return [reason, await idOf(db)]
      },
      'roll back by an error, which is passed on': async (db, on) => {
        const reason = await reasonOf(
          db.transaction(async (tx) => {
            await tx.delete(users)
            await on.flush()
            throw new RangeError('mine')
          }),
        )
        return [reason, await idOf(db)]
      },
      'roll back by an error of the server': async (db, on) => {
        const reason = await reasonOf(
          db.transaction(async (tx) => {
            await tx.delete(posts)
            await on.flush()
            await tx.insert(users).values({ id: 1, name: 'twice' })
          }),
        )
        return [reason, await db.$count(posts)]
      },
      'roll back where the commit fails': onDatabase(async (db, on) => {
        const reason = await reasonOf(
          db.transaction(async (tx) => {
            await tx.execute(
              sql`create temporary table chain (id int primary key, next int references chain deferrable initially deferred)`,
            )
            await tx.delete(posts)
            await tx.execute(sql`insert into chain values (1, 2)`)
            await on.flush()
          }),
        )
        return [reason, await db.$count(posts)]
      }),
      'isolation level': configured({ isolationLevel: 'repeatable read' }),
      'read uncommitted, read write': configured({ isolationLevel: 'read uncommitted', accessMode: 'read write' }),
      'serializable, read only, deferrable': configured({
        isolationLevel: 'serializable',
        accessMode: 'read only',
        deferrable: true,
      }),
      'read only, refuse to write': onDatabase((db, on) =>
        reasonOf(
          db.transaction(
            async (tx) => {
              await on.flush()
              await tx.delete(users)
            },
            { accessMode: 'read only' },
          ),
        ),
      ),
      'configured from within': onDatabase((db, on) =>
        db.transaction(async (tx) => {
          await tx.setTransaction({ isolationLevel: 'serializable' })
          await on.flush()
          return plain(await tx.execute(sql`show transaction_isolation`))
        }),
      ),
      'begun together, do not mix': onDatabase(async (db, on) => {
        const one = (id: number) =>
          db.transaction(async (tx) => {
            const pid = plain(await tx.execute(sql`select pg_backend_pid() as pid`))
            await tx.update(users).set({ age: id }).where(eq(users.id, id))
            await on.flush()
            expectSamePid(pid, plain(await tx.execute(sql`select pg_backend_pid() as pid`)))
          })
        await Promise.all([one(1), one(2), one(3)])
        return db.select({ age: users.age }).from(users).orderBy(byId)
      }),
    },
    'query performance': {
      'prepared statements': async (db, on) => {
        const prepared = db.select().from(users).orderBy(byId).prepare('all_users')
        const before = await prepared.execute()
        await on.flush()
        return [before, await prepared.execute(), await prepared.execute()]
      },
      'placeholders, in where, limit and offset': async (db, on) => {
        const prepared = db
          .select()
          .from(users)
          .where(sql`lower(${users.name}) like ${placeholder('name')}`)
          .orderBy(byId)
          .limit(placeholder('limit'))
          .offset(placeholder('offset'))
          .prepare('users_like')
        const before = await prepared.execute({ name: '%a%', limit: 1, offset: 0 })
        await on.flush()
        return [before, await prepared.execute({ name: '%a%', limit: 1, offset: 1 })]
      },
      'placeholders in what is written': async (db, on) => {
        const insert = db
          .insert(users)
          .values({ name: placeholder('name') })
          .returning({ name: users.name })
          .prepare('insert_user')
        const update = db
          .update(users)
          .set({ age: sql`${placeholder('age')}` })
          .where(eq(users.id, placeholder('id')))
          .prepare('update_user')
        const erase = db
          .delete(users)
          .where(eq(users.id, placeholder('id')))
          .prepare('delete_user')
        const inserted = await insert.execute({ name: 'Fay' })
        await on.flush()
        return [inserted, plain(await update.execute({ age: 5, id: 2 })), plain(await erase.execute({ id: 3 }))]
      },
      'one that lacks a value': (db) =>
        reasonOf(
          (async () =>
            db
              .select()
              .from(users)
              .where(eq(users.id, placeholder('id')))
              .prepare('lacks')
              .execute())(),
        ),
      'many at once, across a flush': onDatabase(async (db, on) => {
        const prepared = db
          .select({ id: users.id })
          .from(users)
          .where(eq(users.id, placeholder('id')))
          .prepare('one')
        const asked = Array.from({ length: 20 }, (_, n) => prepared.execute({ id: (n % 3) + 1 }))
        await on.flush()
        return Promise.all(asked)
      }),
    },
    'serverless performance': 'on where to declare a database: what it shows are prepared statements, which are above',
    'dynamic query building': {
      $dynamic: async (db) => {
        const paged = (page: number) => db.select().from(users).$dynamic().orderBy(byId).limit(1).offset(page)
        return [await paged(0), await paged(1)]
      },
    },
    'raw queries': {
      'a string': async (db) => plain(await db.execute('select 1 as one')),
      'with parameters': async (db) => plain(await db.execute(sql`select * from ${users} where ${users.id} = ${1}`)),
      'of dates, numbers and JSON, as the driver gives them': async (db) =>
        plain(
          await db.execute(sql`select now() - now() as i, '2024-02-03 04:05:06'::timestamp as t, 1::bigint as b,
            '{"a":1}'::jsonb as j, '{1,2}'::int[] as l, '2024-02-03'::date as d`),
        ),
      'that write': async (db) => plain(await db.execute(sql`update users set age = 1 where id < 3`)),
      'several statements': (db) =>
        attempt(db, async (of) => {
          const given = await of.execute(sql.raw('select 1 as a; select 2 as b'))
          return Array.isArray(given) && typeof given[0] === 'object' ? JSON.stringify(given) : plain(given)
        }),
      'that fail': (db) => attempt(db, (of) => of.execute(sql`select 1 / ${0}::int`)),
      'that are nonsense': (db) => attempt(db, (of) => of.execute('select nonsense from nowhere')),
      'that give no rows': async (db) => plain(await db.execute(sql`select 1 where false`)),
    },
    goodies: {
      'logging, by a logger of one’s own': onDatabase(async (_, on) => {
        const heard: unknown[] = []
        const db = on.open({ logger: { logQuery: (query: string, params: unknown[]) => heard.push([query, params]) } })
        await db.select().from(users).where(eq(users.id, 1))
        await db.transaction((tx) => tx.delete(users))
        await db.select().from(users).prepare('logged').execute()
        return heard
      }),
      'logging, by the default one': onDatabase(async (_, on) => {
        const heard: string[] = []
        const logger = new orm.DefaultLogger({ writer: { write: (message) => heard.push(message) } })
        await on.open({ logger }).select().from(users).where(eq(users.id, 1))
        return heard
      }),
      toSQL: async (db) => db.select().from(users).where(eq(users.id, 1)).toSQL(),
      'columns of a table': (db) => {
        const { email, ...rest } = orm.getTableColumns(users)
        return db.select(rest).from(users).orderBy(byId)
      },
      'is(), which knows a database': async (db) => [
        orm.is(db, version === '1.0' ? Reflect.get(core, 'PgAsyncDatabase') : core.PgDatabase),
        orm.is(db, orm.Column),
      ],
      'statements that are built first and run later': async (db, on) => {
        const statement = db.select().from(users).orderBy(byId)
        await on.flush()
        return [await statement, await statement]
      },
      'then, catch and finally': async (db) => {
        let ended = 0
        const given = await idOf(db)
          .then((rows) => rows.length)
          .finally(() => ended++)
        return [given, ended, await attempt(db, (of) => of.execute('nonsense').catch((error) => Promise.reject(error)))]
      },
    },
    'read replicas': {
      'reads go to a replica, writes to the primary': onDatabase(async (db, on) => {
        const chosen: unknown[] = []
        const replicas: [Database, Database] = [on.open({}), on.open({})]
        const both = core.withReplicas(db, replicas, ([, second]) => {
          chosen.push('second')
          return second ?? db
        })
        await both.insert(users).values({ name: 'Fay' })
        await both.transaction((tx) => tx.delete(posts))
        return [
          await both.select().from(users).orderBy(byId),
          await both.$count(users),
          await both.$primary.select().from(users).orderBy(byId),
          chosen,
        ]
      }),
    },
    cache: {
      'on demand, by a tag, invalidated by what is written': onDatabase((_, on) => withCache('explicit', on.open)),
      'for everything': onDatabase((_, on) => withCache('all', on.open)),
    },
    'row-level security': {
      'a role and its claims, for a transaction': onDatabase(async (db, on) => {
        const seen = await db.transaction(async (tx) => {
          await tx.execute(sql.raw(`select set_config('request.jwt.claim.sub', 'ada', true); set local role reader`))
          await on.flush()
          return tx.select().from(secrets)
        })
        return [seen, await db.select().from(secrets).orderBy(secrets.id)]
      }),
    },
    migrations: {
      'applied at run time, once': onDatabase(async (db, on) => {
        const migrationsFolder = await folderOfMigrations(version)
        try {
          await edition.migrate(db, { migrationsFolder })
          await on.flush()
          await edition.migrate(db, { migrationsFolder })
          const applied = 'select count(*)::int as n, max(created_at)::text as last from drizzle.__drizzle_migrations'
          return [plain(await db.execute('select * from migrated')), plain(await db.execute(applied))]
        } finally {
          await rm(migrationsFolder, { recursive: true })
        }
      }),
      'that fail, undone': onDatabase(async (db) => {
        const migrationsFolder = await folderOfMigrations(version, 'insert into nowhere values (1)')
        try {
          const reason = await reasonOf(edition.migrate(db, { migrationsFolder }))
          return [reason, plain(await db.execute(`select to_regclass('migrated') as made`))]
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
    'batch API': {
      'is not there, since these drivers have none': async (db) => ['batch' in db],
    },
    casing:
      version === '1.0'
        ? 'of the table, not of the database, since 1.0: it meets no driver'
        : {
            snake_case: onDatabase((_, on) => {
              const cased = core.pgTable('users', { id: core.integer(), invitedBy: core.integer() })
              return on.open({ casing: 'snake_case' }).select().from(cased).orderBy(cased.id)
            }),
          },
    'SQL schema declaration': types,
    'indexes, constraints, extensions': 'of what drizzle-kit makes: it meets no driver',
    'zod, valibot, typebox, arktype, effect-schema, GraphQL, ESLint': types,
    'kit: generate, migrate, push, pull, export, check, up, studio, config': kit,
    'connect: Neon, Vercel, Nile, Netlify, Supabase’s HTTP, Xata, PGlite, Bun, Effect, Prisma, AWS Data API, proxy':
      others,
  }

  function withCache(strategy: 'explicit' | 'all', open: (config: object) => Database): Promise<unknown> {
    return cached(edition.Cache, strategy, (cache) => {
      const db = open({ cache })
      const select = () => db.select().from(users).orderBy(byId)
      return {
        ask: () => (strategy === 'explicit' ? select().$withCache({ tag: 'everyone' }) : select()),
        askDirectly: () => select().$withCache(false),
        write: () => db.insert(users).values({ name: 'Fay' }),
        invalidate: () => db.$cache.invalidate({ tags: 'everyone' }),
      }
    })
  }
}

function expectSamePid(before: unknown, after: unknown): void {
  if (JSON.stringify(before) !== JSON.stringify(after)) throw new Error('a transaction changed its connection')
}
