/** The models of test/prisma/documented as tables, and what is in them. */

const everything = (quote: string, kinds: Record<string, string>) =>
  Object.entries(kinds).map(([name, type]) => `${quote}${name}${quote} ${type}`)

export const postgresqlTables = [
  `create type "Role" as enum ('USER', 'ADMIN')`,
  `create table "User" (id serial primary key, email text not null unique, name text, role "Role" not null default 'USER',
    city text not null, country text not null, "profileViews" int not null default 0, pets jsonb, tags text[],
    unique (city, email))`,
  `create table "Profile" (id serial primary key, bio text not null, "userId" int unique references "User" on delete set null)`,
  `create table "Post" (id serial primary key, title text not null, published bool not null default true,
    views int not null default 0, likes int not null default 0, "authorId" int references "User" on delete set null)`,
  `create table "Category" (id serial primary key, name text not null unique)`,
  `create table "_CategoryToPost" ("A" int not null references "Category" on delete cascade,
    "B" int not null references "Post" on delete cascade, primary key ("A", "B"))`,
  `create table "Everything" (${everything('"', {
    ...{ id: 'serial primary key', text: 'text', varchar: 'varchar(10)', int: 'int', bigint: 'bigint' },
    ...{ float: 'double precision', decimal: 'decimal(65, 30)', bool: 'bool', bytes: 'bytea', json: 'jsonb' },
    ...{ datetime: 'timestamp(3)', date: 'date', time: 'time', uuid: 'uuid', role: '"Role"' },
  })})`,
  // Those that the database numbers come after ours; MariaDB sees to that by itself.
  ...['User', 'Profile', 'Post', 'Category'].map((table) => `alter sequence "${table}_id_seq" restart 100`),
]

export const mysqlTables = [
  `create table User (id int auto_increment primary key, email varchar(191) not null unique, name varchar(191),
    role enum('USER', 'ADMIN') not null default 'USER', city varchar(191) not null, country varchar(191) not null,
    profileViews int not null default 0, pets json, unique (city, email))`,
  `create table Profile (id int auto_increment primary key, bio varchar(191) not null, userId int unique,
    foreign key (userId) references User (id) on delete set null)`,
  `create table Post (id int auto_increment primary key, title varchar(191) not null, published bool not null default true,
    views int not null default 0, likes int not null default 0, authorId int, fulltext (title),
    foreign key (authorId) references User (id) on delete set null)`,
  `create table Category (id int auto_increment primary key, name varchar(191) not null unique)`,
  `create table _CategoryToPost (A int not null, B int not null, unique (A, B),
    foreign key (A) references Category (id) on delete cascade, foreign key (B) references Post (id) on delete cascade)`,
  `create table Everything (${everything('`', {
    ...{
      id: 'int auto_increment primary key',
      text: 'varchar(191)',
      varchar: 'varchar(10)',
      int: 'int',
      bigint: 'bigint',
    },
    ...{ float: 'double', decimal: 'decimal(65, 30)', bool: 'bool', bytes: 'longblob' },
    ...{ json: 'json', datetime: 'datetime(3)', date: 'date', time: 'time', uuid: 'char(36)' },
    role: `enum('USER', 'ADMIN')`,
  })})`,
]

const filled = ['_CategoryToPost', 'Post', 'Profile', 'User', 'Category', 'Everything']

const pets = JSON.stringify({
  favorites: { catBreed: 'Turkish van', dogBreed: 'Rottweiler', sanctuaries: ['RSPCA', 'Alley Cat Allies'] },
  owned: { cats: ['Elliott'] },
})

const inserts = [
  `insert into "User" (id, email, name, role, city, country, "profileViews", pets) values
    (1, 'alice@prisma.io', 'Alice', 'ADMIN', 'Berlin', 'Germany', 10, '${pets}'),
    (2, 'bob@prisma.io', 'Bob', 'USER', 'Paris', 'France', 20, null),
    (3, 'carol@other.org', null, 'USER', 'Berlin', 'Germany', 30, 'null')`,
  `insert into "Profile" (id, bio, "userId") values (1, 'I am Alice', 1), (2, 'nobody', null)`,
  `insert into "Post" (id, title, published, views, likes, "authorId") values
    (1, 'Hello World', true, 5, 3, 1), (2, 'A cat and a dog', false, 1, 5, 1),
    (3, 'Prisma databases', true, 0, 0, 2), (4, 'The orphan', true, 7, 7, null)`,
  `insert into "Category" (id, name) values (1, 'Food'), (2, 'Introductions')`,
  `insert into "_CategoryToPost" ("A", "B") values (1, 1), (2, 1), (1, 3)`,
  `insert into "Everything" values (1, 'text', 'varchar', 1, 9007199254740993, 1.5, 12.34, true, BYTES, '{"a": [1, null]}',
    '2024-02-03 04:05:06.789', '2024-02-03', '04:05:06', '5f6d7a50-1f0e-4c51-8f0c-6a6f3d5f2a11', 'ADMIN')`,
  `insert into "Everything" (id) values (2)`,
]

/** The names, and not what is in a document. */
const quoted = /"(_CategoryToPost|Post|Profile|User|Category|Everything|profileViews|userId|authorId|A|B)"/g

/** The statements that put everything back. */
export function rows(engine: 'postgresql' | 'mysql'): string[] {
  const statements = [...filled.map((table) => `delete from "${table}"`), ...inserts]
  if (engine === 'postgresql') return [statements.map((text) => text.replace('BYTES', `'\\x0102'`)).join(';')]
  return [statements.map((text) => text.replace('BYTES', `x'0102'`).replaceAll(quoted, '`$1`')).join(';')]
}
