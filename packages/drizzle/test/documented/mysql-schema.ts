import type { Edition } from './mysql-editions.ts'

/** The tables that the documentation's examples are told with, as a version of Drizzle declares them. */
export function schemaOf({ core, orm: { sql } }: Pick<Edition, 'core' | 'orm'>) {
  const tags = core.customType<{ data: string[]; driverData: string }>({
    dataType: () => 'text',
    toDriver: (value) => value.join(','),
    fromDriver: (value) => value.split(','),
  })
  const users = core.mysqlTable('users', {
    id: core.int().autoincrement().primaryKey(),
    name: core.varchar({ length: 50 }).notNull(),
    email: core.varchar({ length: 50 }).unique(),
    age: core.int(),
    invitedBy: core.int('invited_by'),
    tags: tags(),
    greeting: core.varchar({ length: 60 }).generatedAlwaysAs(() => sql`concat('hi, ', name)`),
    changed: core.int().$onUpdateFn(() => 1),
  })
  const posts = core.mysqlTable('posts', {
    id: core.int().primaryKey(),
    author: core.int().notNull(),
    title: core.varchar({ length: 50 }).notNull(),
  })
  let made = 0
  const named = core.mysqlTable('named', {
    key: core
      .varchar({ length: 20 })
      .primaryKey()
      .$defaultFn(() => `key ${made++ % 2}`),
    name: core.text(),
  })
  const everything = core.mysqlTable('everything', {
    tinyint: core.tinyint(),
    bigint: core.bigint({ mode: 'bigint' }),
    bigNumber: core.bigint('big_number', { mode: 'number' }),
    boolean: core.boolean(),
    decimal: core.decimal({ precision: 30, scale: 10 }),
    float: core.float(),
    double: core.double(),
    char: core.char({ length: 3 }),
    text: core.text(),
    binary: core.binary({ length: 3 }),
    json: core.json(),
    date: core.date(),
    dateText: core.date('date_text', { mode: 'string' }),
    time: core.time(),
    datetime: core.datetime({ fsp: 3 }),
    datetimeText: core.datetime('datetime_text', { mode: 'string', fsp: 3 }),
    timestamp: core.timestamp(),
    year: core.year(),
    mood: core.mysqlEnum('mood', ['sad', 'happy']),
  })
  const adults = core.mysqlView('adults').as((qb) => qb.select().from(users).where(sql`${users.age} >= 18`))
  const existing = core.mysqlView('names', { name: core.text() }).existing()
  return { users, posts, named, everything, adults, existing, byName: core.index('users_name').on(users.name) }
}

export type Schema = ReturnType<typeof schemaOf>

/** What makes the tables. */
export const ddl = [
  `create table users (id int primary key auto_increment, name varchar(50) not null, email varchar(50) unique, age int,
    invited_by int, tags text, greeting varchar(60) generated always as (concat('hi, ', name)) virtual, changed int,
    index users_name (name))`,
  'create table posts (id int primary key, author int not null, title varchar(50) not null)',
  'create table named (`key` varchar(20) primary key, name text)',
  `create table everything (\`tinyint\` tinyint, \`bigint\` bigint, big_number bigint, \`boolean\` boolean,
    \`decimal\` decimal(30, 10), \`float\` float, \`double\` double, \`char\` char(3), \`text\` text, \`binary\` binary(3),
    \`json\` json, \`date\` date, date_text date, \`time\` time, \`datetime\` datetime(3), datetime_text datetime(3),
    \`timestamp\` timestamp null, \`year\` year, mood enum('sad', 'happy'))`,
  'create view adults as select * from users where age >= 18',
  'create view names as select name from users',
  'create procedure several() begin select 1 as a; select 2 as b; end',
]

/** The same rows before each use, however they were left. */
export const reset = [
  'delete from users',
  'delete from posts',
  'delete from named',
  'delete from everything',
  'drop table if exists migrated, __drizzle_migrations',
  'alter table users auto_increment = 1',
  `insert into users (name, email, age, invited_by, tags) values
    ('Ada', 'ada@test', 36, null, 'a,b'), ('Dan', 'dan@test', 17, 1, null), ('Eve', null, 20, 1, 'c')`,
  `insert into posts values (1, 1, 'First'), (2, 1, 'Second'), (3, 3, 'Third')`,
]
