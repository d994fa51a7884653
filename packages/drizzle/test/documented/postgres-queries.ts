import { onDatabase, type Pages, reasonOf } from './documented.ts'
import type { Database, Edition } from './postgres-editions.ts'
import type { Schema } from './postgres-schema.ts'

/** The pages on what is asked by a single statement. */
export function queryPages({ orm, core }: Edition, { users, posts, everything, ...schema }: Schema): Pages<Database> {
  const { sql, eq, and, or, not, asc, desc, gt, count } = orm
  const byId = asc(users.id)
  const names = (db: Database) => db.select({ name: users.name }).from(users)
  const titles = (db: Database) => db.select({ name: posts.title }).from(posts)
  const all = (db: Database) => db.select().from(users).orderBy(byId)
  const when = { timestamp: new Date('2024-02-03T04:05:06.789Z'), text: '2024-02-03 04:05:06.789' }
  const row = {
    smallint: 1,
    bigint: 2n ** 60n,
    bigNumber: 2 ** 40,
    boolean: true,
    numeric: '12345678901234567890.5000000000',
    real: 1.5,
    double: 2.25,
    char: 'abc',
    json: { a: [1, 'two', null] },
    jsonb: ['b', { c: 3 }],
    date: '2024-02-03',
    dateMode: new Date('2024-02-03T00:00:00Z'),
    time: '04:05:06',
    timestamp: when.timestamp,
    timestamptz: when.timestamp,
    timestampText: when.text,
    interval: '1 day 02:00:00',
    uuid: '123e4567-e89b-12d3-a456-426614174000',
    inet: '192.168.0.1',
    cidr: '10.0.0.0/8',
    point: [1, 2] as [number, number],
    pointXY: { x: 3, y: 4 },
    line: [1, 2, 3] as [number, number, number],
    mood: 'happy' as const,
    integers: [1, 2, 3],
    dates: [when.timestamp],
    bigints: [1n, 2n ** 60n],
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
      'distinct on': (db) => db.selectDistinctOn([posts.author]).from(posts).orderBy(posts.author, desc(posts.id)),
      'filters, combined': (db) =>
        all(db).where(or(and(gt(users.age, 18), eq(users.name, 'Ada')), not(gt(users.age, 18)))),
      'limit, offset and order': (db) => db.select().from(users).orderBy(desc(users.age)).limit(1).offset(1),
      'with clause': (db) => {
        const adults = db.$with('grown').as(db.select().from(users).where(gt(users.age, 18)))
        return db.with(adults).select({ id: adults.id, name: adults.name }).from(adults).orderBy(adults.id)
      },
      'from a subquery': (db) => {
        const of = db
          .select({ author: posts.author, n: count().as('n') })
          .from(posts)
          .groupBy(posts.author)
          .as('of')
        return db.select({ author: of.author, n: of.n }).from(of).orderBy(of.author)
      },
      'aggregations, with having': (db) =>
        db
          .select({
            author: posts.author,
            n: count(),
            distinct: orm.countDistinct(posts.title),
            avg: orm.avg(posts.id),
            sum: orm.sum(posts.id),
            max: orm.max(posts.id),
            min: orm.min(posts.id),
          })
          .from(posts)
          .groupBy(posts.author)
          .having(({ n }) => gt(n, 1)),
      'row locks': (db) => all(db).for('update', { skipLocked: true }),
      'as an expression, with $count': (db) =>
        db
          .select({ id: users.id, n: db.$count(posts, eq(posts.author, users.id)) })
          .from(users)
          .orderBy(byId),
    },
    'query utils': {
      $count: async (db) => [await db.$count(users), await db.$count(users, gt(users.age, 18))],
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
          orm.ilike(name, 'a%'),
          orm.notIlike(name, 'a%'),
        ]
        const found = []
        for (const where of wheres) found.push(await db.select({ id }).from(users).where(where).orderBy(byId))
        return found
      },
      'of arrays': onDatabase((db) =>
        Promise.all(
          [
            orm.arrayContains(posts.labels, ['x']),
            orm.arrayContained(posts.labels, ['x', 'y']),
            orm.arrayOverlaps(posts.labels, ['y']),
          ].map((where) => db.select({ id: posts.id }).from(posts).where(where).orderBy(posts.id)),
        ),
      ),
    },
    insert: {
      'values, with what the schema fills in': async (db) => [
        plain(await db.insert(users).values([{ name: 'Fay' }, { name: 'Gus', age: 5, tags: ['x', 'y'] }])),
        await all(db),
      ],
      returning: async (db) => [
        await db.insert(users).values({ name: 'Fay' }).returning(),
        await db.insert(users).values({ name: 'Gus' }).returning({ id: users.id }),
      ],
      'on conflict do nothing': async (db) => [
        await db
          .insert(users)
          .values({ name: 'No', email: 'ada@test' })
          .onConflictDoNothing({ target: users.email })
          .returning(),
        await db.insert(users).values({ id: 1, name: 'No' }).onConflictDoNothing().returning(),
      ],
      'on conflict do update': (db) =>
        db
          .insert(users)
          .values({ name: 'Ada II', email: 'ada@test' })
          .onConflictDoUpdate({
            target: users.email,
            set: { name: sql`excluded.name` },
            setWhere: sql`${users.age} > 18`,
          })
          .returning(),
      'with clause': (db) => {
        const n = db.$with('n').as(db.select({ value: sql`count(*)`.as('value') }).from(users))
        return db
          .with(n)
          .insert(users)
          .values({ name: 'Fay', age: sql`(select * from ${n})` })
          .returning()
      },
      'from a select': (db) =>
        db
          .insert(posts)
          .select(
            db
              .select({
                id: sql<number>`${users.id} + 100`.as('id'),
                author: users.id,
                title: users.name,
                labels: sql<string[]>`null::text[]`.as('labels'),
              })
              .from(users)
              .orderBy(byId),
          )
          .returning({ id: posts.id }),
      'of what is there already, refused': (db) =>
        attempt(db, (of) => of.insert(users).values({ name: 'No', email: 'ada@test' })),
    },
    update: {
      set: async (db) => [plain(await db.update(users).set({ age: 37 }).where(eq(users.id, 1))), await all(db)],
      'set to an expression, returning': (db) =>
        db
          .update(users)
          .set({ age: sql`${users.age} + 1` })
          .where(eq(users.id, 2))
          .returning(),
      'with clause': (db) => {
        const mean = db.$with('mean').as(db.select({ age: sql`avg(age)::int`.as('age') }).from(users))
        return db
          .with(mean)
          .update(users)
          .set({ age: sql`(select * from ${mean})` })
          .where(eq(users.id, 1))
          .returning()
      },
      'from another table': (db) =>
        db
          .update(users)
          .set({ name: sql`${posts.title}` })
          .from(posts)
          .where(and(eq(posts.author, users.id), eq(posts.id, 3)))
          .returning({ name: users.name, title: posts.title }),
    },
    delete: {
      where: async (db) => [plain(await db.delete(users).where(eq(users.id, 1))), await all(db)],
      returning: (db) => db.delete(users).where(gt(users.age, 18)).returning({ id: users.id }),
      'with clause': (db) => {
        const mean = db.$with('mean').as(db.select({ age: sql`avg(age)`.as('age') }).from(users))
        return db
          .with(mean)
          .delete(users)
          .where(gt(users.age, sql`(select * from ${mean})`))
          .returning({ id: users.id })
      },
    },
    joins: {
      left: (db) => db.select().from(users).leftJoin(posts, eq(posts.author, users.id)).orderBy(byId, posts.id),
      right: (db) => db.select().from(posts).rightJoin(users, eq(posts.author, users.id)).orderBy(byId, posts.id),
      inner: (db) => db.select().from(users).innerJoin(posts, eq(posts.author, users.id)).orderBy(byId, posts.id),
      full: (db) => db.select().from(users).fullJoin(posts, eq(posts.id, users.id)).orderBy(byId),
      cross: (db) => db.select({ u: users.id, p: posts.id }).from(users).crossJoin(posts).orderBy(byId, posts.id),
      lateral: (db) => {
        const latest = db
          .select()
          .from(posts)
          .where(eq(posts.author, users.id))
          .orderBy(desc(posts.id))
          .limit(1)
          .as('latest')
        return db.select().from(users).leftJoinLateral(latest, sql`true`).orderBy(byId)
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
      'intersect all': (db) => core.intersectAll(names(db), names(db)).orderBy(sql`name`),
      except: (db) => names(db).except(titles(db)).orderBy(sql`name`),
      'except all': (db) => core.exceptAll(names(db), titles(db)).orderBy(sql`name`),
    },
    views: {
      'of a query': (db) => db.select().from(schema.adults).orderBy(schema.adults.id),
      existing: (db) => db.select().from(schema.existing).orderBy(schema.existing.name),
      'materialized, refreshed': async (db) => {
        await db.insert(users).values({ name: 'Fay' })
        const before = await db.select().from(schema.counted)
        const refreshed = plain(await db.refreshMaterializedView(schema.counted))
        return [before, refreshed, await db.select().from(schema.counted)]
      },
      'materialized, refreshed concurrently': async (db) => {
        await db.refreshMaterializedView(schema.counted).concurrently()
        return db.select().from(schema.counted)
      },
    },
    'sql``': {
      'mapWith, as': (db) =>
        db.select({ n: sql`count(*)`.mapWith(Number), m: sql<number>`max(${users.age})`.as('m') }).from(users),
      'raw, join, append, empty, fromList': async (db) => {
        const built = sql.empty()
        built.append(sql`select ${sql.raw('name')} from ${users} where `)
        built.append(sql.join([sql`id = ${1}`, sql`id = ${2}`], sql.raw(' or ')))
        return plain(await db.execute(sql.fromList([built, sql` order by id`])))
      },
      'as string and parameters': async () => new core.PgDialect().sqlToQuery(sql`select ${users.id} = ${1}`),
      'in order, having and group by': (db) =>
        db
          .select({ author: sql`${posts.author}`, n: sql`count(*)::int` })
          .from(posts)
          .groupBy(sql`${posts.author}`)
          .having(sql`count(*) > ${0}`)
          .orderBy(sql`${posts.author} desc`),
    },
    'column types': {
      'each, there and back': async (db) => [
        await db.insert(everything).values(row).returning(),
        await db.select().from(everything),
      ],
      'each, null': async (db) => {
        await db.insert(everything).values({ smallint: 1 })
        return db.select().from(everything)
      },
      'in where': async (db) => {
        await db.insert(everything).values(row)
        const { timestamp, bigint, mood, uuid } = everything
        return db
          .select({ timestamp, bigint, mood, uuid })
          .from(everything)
          .where(and(eq(timestamp, row.timestamp), eq(bigint, row.bigint), eq(mood, 'happy'), eq(uuid, row.uuid)))
      },
    },
    'custom types': {
      'there and back': (db) =>
        db
          .insert(users)
          .values({ name: 'Fay', tags: ['p', 'q'] })
          .returning(),
    },
    'generated columns': {
      'are filled in': async (db) => {
        await db.update(users).set({ name: 'Ann' }).where(eq(users.id, 1))
        return db.select({ greeting: users.greeting }).from(users).orderBy(byId)
      },
    },
    sequences: {
      next: async (db) => plain(await db.execute(sql`select nextval('counter') from generate_series(1, 3)`)),
    },
    schemas: { 'a table of one': (db) => db.insert(schema.things).values({ name: 'thing' }).returning() },
    aliases: { 'of a table': (db) => db.select().from(core.alias(posts, 'p')) },
  }
}

/** What raw queries give: it differs between the drivers, and has more to it than the rows. */
export function plain(result: unknown): unknown {
  const { rows, command, rowCount, count, fields, columns, statement } = result as Record<string, unknown>
  const shown = Array.isArray(result) ? result.map((row) => row) : rows
  const described = (of: unknown) =>
    Array.isArray(of) ? of.map(({ name, dataTypeID, type }) => ({ name, dataTypeID, type })) : of
  const said = (statement as { string?: string } | undefined)?.string
  return {
    shown,
    command,
    rowCount,
    count,
    fields: described(fields),
    columns: described(columns),
    said,
    is: result?.constructor.name,
  }
}

/** Within a savepoint where there is a transaction, so that what fails leaves it usable. */
export function attempt(db: Database, work: (of: Database) => PromiseLike<unknown>): Promise<unknown> {
  return reasonOf(db.transaction((tx) => Promise.resolve(work(tx as unknown as Database))))
}
