import { onDatabase, type Pages, reasonOf } from './documented.ts'
import type { Database, Edition } from './mysql-editions.ts'
import type { Schema } from './mysql-schema.ts'

/** The pages on what is asked by a single statement. */
export function queryPages({ orm, core, version }: Edition, schema: Schema): Pages<Database> {
  const { users, posts, named, everything, byName } = schema
  const { sql, eq, and, or, not, asc, desc, gt, count } = orm
  const byId = asc(users.id)
  const names = (db: Database) => db.select({ name: users.name }).from(users)
  const titles = (db: Database) => db.select({ name: posts.title }).from(posts)
  const all = (db: Database) => db.select().from(users).orderBy(byId)
  const at = new Date('2024-02-03T04:05:06.789Z')
  const row = {
    tinyint: 1,
    bigint: 2n ** 60n,
    bigNumber: 2 ** 40,
    boolean: true,
    decimal: '12345678901234567890.5000000000',
    float: 1.5,
    double: 2.25,
    char: 'abc',
    text: 'text',
    binary: 'bin',
    json: { a: [1, 'two', null] },
    date: new Date('2024-02-03T00:00:00Z'),
    dateText: '2024-02-03',
    time: '04:05:06',
    datetime: at,
    datetimeText: '2024-02-03 04:05:06.789',
    timestamp: new Date('2024-02-03T04:05:06Z'),
    year: 2024,
    mood: 'happy' as const,
  }
  return {
    select: {
      'all columns': (db) => all(db),
      'some columns, and expressions': (db) =>
        db
          .select({ id: users.id, lower: sql<string>`lower(${users.name})` })
          .from(users)
          .orderBy(byId),
      distinct: (db) => db.selectDistinct({ invitedBy: users.invitedBy }).from(users).orderBy(users.invitedBy),
      'filters, combined': (db) =>
        all(db).where(or(and(gt(users.age, 18), eq(users.name, 'Ada')), not(gt(users.age, 18)))),
      'limit, offset and order': (db) => db.select().from(users).orderBy(desc(users.age)).limit(1).offset(1),
      'with clause': (db) => {
        const grown = db.$with('grown').as(db.select().from(users).where(gt(users.age, 18)))
        return db.with(grown).select({ id: grown.id, name: grown.name }).from(grown).orderBy(grown.id)
      },
      'from a subquery': (db) => {
        const of = db
          .select({ author: posts.author, n: count().as('n') })
          .from(posts)
          .groupBy(posts.author)
          .as('per')
        return db.select({ author: of.author, n: of.n }).from(of).orderBy(of.author)
      },
      'aggregations, with having': (db) =>
        db
          .select({
            author: posts.author,
            n: count(),
            avg: orm.avg(posts.id),
            sum: orm.sum(posts.id),
            max: orm.max(posts.id),
          })
          .from(posts)
          .groupBy(posts.author)
          .having(({ n }) => gt(n, 1)),
      'row locks': (db) => all(db).for('update'),
      $count: async (db) => [
        await db.$count(users),
        await db.$count(users, gt(users.age, 18)),
        await db
          .select({ id: users.id, n: db.$count(posts, eq(posts.author, users.id)) })
          .from(users)
          .orderBy(byId),
      ],
      'index hints': async (db) => [
        await db.select().from(users, { useIndex: byName }).where(eq(users.name, 'Ada')),
        await db.select().from(users, { ignoreIndex: byName }).where(eq(users.name, 'Ada')),
        await db.select().from(users, { forceIndex: byName }).where(eq(users.name, 'Ada')),
      ],
      'an iterator, to its end': async (db, on) => {
        const rows = []
        for await (const row of db.select().from(users).orderBy(byId).prepare().iterator()) {
          rows.push(row)
          if (rows.length === 1) await on.flush()
        }
        return [rows, await all(db)]
      },
      'an iterator with placeholders': async (db) => {
        const prepared = db
          .select()
          .from(users)
          .where(gt(users.id, sql.placeholder('id')))
          .orderBy(byId)
          .prepare()
        const rows = []
        for await (const row of prepared.iterator({ id: 1 })) rows.push(row)
        return rows
      },
      'an iterator of a statement itself':
        'iterator' in (core.MySqlSelectBase.prototype as object)
          ? async (db) => {
              const rows = []
              for await (const row of db.select().from(users).orderBy(byId).iterator()) rows.push(row)
              return rows
            }
          : async (db) => [typeof Reflect.get(db.select().from(users), 'iterator')],
      'an iterator that fails': onDatabase((db) =>
        reasonOf(
          (async () => {
            const broken = db.select({ id: sql`nonsense` }).from(users).prepare()
            for await (const _ of broken.iterator()) return 'a row'
            return 'no row'
          })(),
        ),
      ),
    },
    operators: {
      'each of them': async (db) => {
        const { id, age, name, email } = users
        const wheres = [
          orm.ne(id, 1),
          orm.gte(age, 20),
          orm.lt(age, 20),
          orm.lte(age, 20),
          orm.exists(db.select().from(posts).where(eq(posts.author, id))),
          orm.notExists(db.select().from(posts).where(eq(posts.author, id))),
          orm.isNull(email),
          orm.isNotNull(email),
          orm.inArray(id, [1, 2]),
          orm.notInArray(id, [1, 2]),
          orm.between(age, 18, 30),
          orm.notBetween(age, 18, 30),
          orm.like(name, 'A%'),
          orm.notLike(name, 'A%'),
        ]
        const found = []
        for (const where of wheres) found.push(await db.select({ id }).from(users).where(where).orderBy(byId))
        return found
      },
    },
    insert: {
      'values, with what the schema fills in': async (db) => [
        plain(await db.insert(users).values([{ name: 'Fay' }, { name: 'Gus', age: 5, tags: ['x', 'y'] }])),
        await all(db),
      ],
      '$returningId, of the server': (db) =>
        db
          .insert(users)
          .values([{ name: 'Fay' }, { name: 'Gus' }])
          .$returningId(),
      '$returningId, of the schema': (db) =>
        db
          .insert(named)
          .values([{ name: 'one' }, { name: 'two' }])
          .$returningId(),
      'on duplicate key update': async (db) => [
        plain(
          await db
            .insert(users)
            .values({ id: 1, name: 'Ada II' })
            .onDuplicateKeyUpdate({ set: { name: sql`values(name)` } }),
        ),
        await all(db),
      ],
      ignore: async (db) => plain(await db.insert(users).ignore().values({ id: 1, name: 'No' })),
      'from a select': async (db) => {
        const rows = db
          .select({ id: sql<number>`${users.id} + 100`.as('id'), author: users.id, title: users.name })
          .from(users)
        return [plain(await db.insert(posts).select(rows)), await db.select().from(posts).orderBy(posts.id)]
      },
      'of what is there already, refused': (db) => reasonOf(db.insert(users).values({ name: 'No', email: 'ada@test' })),
    },
    update: {
      set: async (db) => [plain(await db.update(users).set({ age: 37 }).where(eq(users.id, 1))), await all(db)],
      'limit and order': async (db) => [
        plain(
          await db
            .update(users)
            .set({ age: sql`${users.age} + 1` })
            .orderBy(desc(users.id))
            .limit(1),
        ),
        await all(db),
      ],
    },
    delete: {
      where: async (db) => [plain(await db.delete(users).where(eq(users.id, 1))), await all(db)],
      'limit and order': async (db) => [plain(await db.delete(users).orderBy(desc(users.id)).limit(1)), await all(db)],
    },
    joins: {
      left: (db) => db.select().from(users).leftJoin(posts, eq(posts.author, users.id)).orderBy(byId, posts.id),
      right: (db) => db.select().from(posts).rightJoin(users, eq(posts.author, users.id)).orderBy(byId, posts.id),
      inner: (db) => db.select().from(users).innerJoin(posts, eq(posts.author, users.id)).orderBy(byId, posts.id),
      cross: (db) => db.select({ u: users.id, p: posts.id }).from(users).crossJoin(posts).orderBy(byId, posts.id),
      'lateral, which MariaDB refuses': (db) => {
        const latest = db.select().from(posts).where(eq(posts.author, users.id)).limit(1).as('latest')
        return reasonOf(db.select().from(users).leftJoinLateral(latest, sql`true`))
      },
      'with itself, by an alias': (db) => {
        const host = core.alias(users, 'host')
        return db.select().from(users).leftJoin(host, eq(users.invitedBy, host.id)).orderBy(byId)
      },
    },
    'set operations': {
      union: (db) => core.union(names(db), titles(db)).orderBy(sql`name`),
      'union all': (db) => names(db).unionAll(names(db)).orderBy(sql`name`),
      intersect: (db) => core.intersect(names(db), names(db)).orderBy(sql`name`),
      except: (db) => names(db).except(titles(db)).orderBy(sql`name`),
    },
    views: {
      'of a query': (db) => db.select().from(schema.adults).orderBy(schema.adults.id),
      existing: (db) => db.select().from(schema.existing).orderBy(schema.existing.name),
    },
    'sql``': {
      'mapWith, as': (db) =>
        db.select({ n: sql`count(*)`.mapWith(String), m: sql<number>`max(${users.age})`.as('m') }).from(users),
      'raw, join, append, empty, fromList': async (db) => {
        const built = sql.empty()
        built.append(sql`select ${sql.raw('name')} from ${users} where `)
        built.append(sql.join([sql`id = ${1}`, sql`id = ${2}`], sql.raw(' or ')))
        return plain(await db.execute(sql.fromList([built, sql` order by id`])))
      },
    },
    'column types': {
      'each, there and back': async (db) => {
        await db.insert(everything).values(row)
        return db.select().from(everything)
      },
      'each, null': async (db) => {
        await db.insert(everything).values({ tinyint: 1 })
        return db.select().from(everything)
      },
      'in where': async (db) => {
        await db.insert(everything).values(row)
        const { datetime, bigint, mood } = everything
        const same = and(eq(datetime, at), eq(bigint, row.bigint), eq(mood, 'happy'))
        return db.select({ datetime, bigint, mood }).from(everything).where(same)
      },
    },
    'custom types': {
      'there and back': async (db) => {
        await db.insert(users).values({ name: 'Fay', tags: ['p', 'q'] })
        return all(db)
      },
    },
    'generated columns': {
      'are filled in': async (db) => {
        await db.update(users).set({ name: 'Ann' }).where(eq(users.id, 1))
        return db.select({ greeting: users.greeting }).from(users).orderBy(byId)
      },
    },
    aliases: { 'of a table': (db) => db.select().from(core.alias(posts, 'p')) },
    'dynamic query building': {
      $dynamic: async (db) => {
        const paged = (page: number) => db.select().from(users).$dynamic().orderBy(byId).limit(1).offset(page)
        return [await paged(0), await paged(1)]
      },
    },
    'SQL comments':
      version === '0.45'
        ? 'since 1.0'
        : {
            'arrive at the server': (db) => {
              const running = sql<string>`(select info from information_schema.processlist where id = connection_id())`
              const statement = db.select({ running }).from(users).limit(1) as unknown as {
                comment(comment: object): Promise<unknown>
              }
              return statement.comment({ route: '/api', version: 2 })
            },
          },
  }
}

interface Field {
  readonly name: string
  readonly columnType: number
}

/** What raw queries give, without what differs from connection to connection. */
export function plain(result: unknown): unknown {
  const [rows, fields] = result as [unknown, Field[] | undefined]
  const described = (of?: (Field | Field[] | undefined)[]): unknown =>
    of?.map((field) => (Array.isArray(field) ? described(field) : field && [field.name, field.columnType]))
  return { rows, is: rows?.constructor.name, fields: described(fields) }
}
