import { Prisma } from '../../../../test/prisma/documented/postgresql/generated/client.ts'
import type { Within } from './stage.ts'

export type Uses = Readonly<Record<string, (prisma: Within) => unknown>>

const byId = { orderBy: { id: 'asc' } } as const
const ids = (where: Prisma.PostWhereInput) => (prisma: Within) =>
  prisma.post.findMany({ where, select: { id: true }, ...byId })
const userIds = (where: Prisma.UserWhereInput) => (prisma: Within) =>
  prisma.user.findMany({ where, select: { id: true }, ...byId })

const queries: Uses = {
  'findUnique()': (prisma) => prisma.user.findUnique({ where: { id: 1 } }),
  'findUnique() by a compound @@unique': (prisma) =>
    prisma.user.findUnique({ where: { who: { city: 'Berlin', email: 'alice@prisma.io' } } }),
  'findUnique() of nothing': async (prisma) => [await prisma.user.findUnique({ where: { id: 99 } })],
  'findUnique() with more than what is unique': async (prisma) => [
    await prisma.user.findUnique({ where: { id: 1, city: 'Berlin' } }),
    await prisma.user.findUnique({ where: { id: 1, city: 'Paris' } }),
  ],
  'findUnique() in one tick': (prisma) => Promise.all([1, 2, 3].map((id) => prisma.user.findUnique({ where: { id } }))),
  'findUniqueOrThrow()': (prisma) => prisma.user.findUniqueOrThrow({ where: { email: 'bob@prisma.io' } }),
  'findFirst()': (prisma) => prisma.user.findFirst({ where: { city: 'Berlin' }, orderBy: { id: 'desc' } }),
  'findFirst() with a negative take': (prisma) => prisma.post.findFirst({ ...byId, take: -1 }),
  'findFirstOrThrow()': (prisma) => prisma.user.findFirstOrThrow({ where: { city: 'Paris' } }),
  'findMany()': (prisma) => prisma.user.findMany(byId),
  'findMany() of nothing': (prisma) => prisma.user.findMany({ where: { id: 99 } }),
  'count()': (prisma) => prisma.user.count({ where: { posts: { some: { published: true } } } }),
  'count({ select })': (prisma) => prisma.user.count({ select: { _all: true, name: true } }),
  'count({ cursor, skip, take })': async (prisma) => [
    await prisma.post.count({ ...byId, cursor: { id: 2 }, skip: 1 }),
    await prisma.post.count({ where: { published: true }, take: 2 }),
  ],
  'aggregate({ orderBy, take, skip })': (prisma) =>
    prisma.post.aggregate({
      orderBy: { likes: 'desc' },
      skip: 1,
      take: 2,
      _sum: { likes: true },
      _min: { title: true },
    }),
  'groupBy({ where, orderBy, skip, take })': (prisma) =>
    prisma.user.groupBy({
      ...{ by: ['city'], where: { profileViews: { gt: 0 } }, _count: { city: true }, _max: { profileViews: true } },
      ...{ orderBy: [{ _count: { city: 'desc' } }, { city: 'asc' }], skip: 1, take: 1 },
    }),
  'aggregate()': (prisma) =>
    prisma.user.aggregate({
      ...{ _count: { _all: true }, _max: { profileViews: true }, _min: { profileViews: true } },
      ...{ _sum: { profileViews: true }, _avg: { profileViews: true } },
    }),
  'groupBy()': (prisma) =>
    prisma.user.groupBy({
      ...{ by: ['country', 'city'], _count: { _all: true, name: true }, _sum: { profileViews: true } },
      ...{ orderBy: { country: 'desc' }, having: { profileViews: { _avg: { gt: 15 } } } },
    }),
}

const options: Uses = {
  select: (prisma) => prisma.user.findMany({ select: { name: true, profileViews: true }, ...byId }),
  'select of relations': (prisma) =>
    prisma.user.findMany({ select: { id: true, posts: { select: { title: true }, ...byId } }, ...byId }),
  'select of a _count': (prisma) => prisma.user.findMany({ select: { _count: { select: { posts: true } } }, ...byId }),
  'include inside select': (prisma) =>
    prisma.user.findMany({ select: { id: true, posts: { include: { author: true }, ...byId } }, ...byId }),
  include: (prisma) => prisma.user.findMany({ include: { posts: byId, profile: true }, ...byId }),
  'include of a _count': (prisma) =>
    prisma.user.findMany({ include: { _count: { select: { posts: true } } }, ...byId }),
  omit: (prisma) => prisma.user.findMany({ omit: { pets: true }, ...byId }),
  'omit in a relation': (prisma) =>
    prisma.user.findMany({ include: { posts: { omit: { title: true }, ...byId } }, ...byId }),
  'relationLoadStrategy: query': (prisma) =>
    prisma.user.findMany({
      relationLoadStrategy: 'query',
      include: { posts: { include: { categories: byId }, ...byId } },
    }),
  'relationLoadStrategy: join': (prisma) =>
    prisma.user.findMany({
      relationLoadStrategy: 'join',
      include: { posts: { include: { categories: byId }, ...byId } },
    }),
  orderBy: (prisma) => prisma.user.findMany({ orderBy: [{ city: 'desc' }, { email: 'desc' }] }),
  'orderBy a relation': (prisma) => prisma.post.findMany({ orderBy: [{ author: { name: 'asc' } }, { id: 'asc' }] }),
  'orderBy with nulls': (prisma) => prisma.user.findMany({ orderBy: { name: { sort: 'asc', nulls: 'first' } } }),
  'orderBy a count': (prisma) => prisma.user.findMany({ orderBy: [{ posts: { _count: 'desc' } }, { id: 'asc' }] }),
  'orderBy relevance': (prisma) =>
    prisma.post.findMany({ orderBy: { _relevance: { fields: ['title'], search: 'Hello', sort: 'desc' } }, take: 1 }),
  distinct: (prisma) => prisma.user.findMany({ distinct: ['city'], select: { city: true }, orderBy: { city: 'asc' } }),
  'distinct of several fields': (prisma) =>
    prisma.user.findMany({
      distinct: ['city', 'country'],
      select: { city: true, country: true },
      orderBy: { city: 'asc' },
    }),
  'cursor, backwards': (prisma) => prisma.post.findMany({ ...byId, cursor: { id: 3 }, take: -2 }),
  'skip and take': (prisma) => prisma.post.findMany({ ...byId, skip: 1, take: 2 }),
  cursor: (prisma) => prisma.post.findMany({ ...byId, cursor: { id: 2 }, skip: 1, take: 2 }),
  'the fluent API': (prisma) => prisma.user.findUnique({ where: { id: 1 } }).posts(byId),
  'the fluent API, twice': (prisma) =>
    prisma.post
      .findUnique({ where: { id: 1 } })
      .author()
      .profile(),
}

const filters: Uses = {
  equals: userIds({ name: { equals: 'Alice' } }),
  not: userIds({ OR: [{ name: { not: 'Alice' } }, { name: null }] }),
  in: ids({ id: { in: [1, 3, 99] } }),
  notIn: ids({ id: { notIn: [1, 3] } }),
  'lt, lte': ids({ likes: { lt: 5 }, views: { lte: 5 } }),
  'gt, gte': ids({ likes: { gt: 3 }, views: { gte: 1 } }),
  contains: ids({ title: { contains: 'cat' } }),
  startsWith: ids({ title: { startsWith: 'Pr' } }),
  endsWith: userIds({ email: { endsWith: 'prisma.io' } }),
  'mode: insensitive': ids({ title: { contains: 'PRISMA', mode: 'insensitive' } }),
  search: (prisma) => prisma.post.findMany({ where: { title: { search: 'cat' } } }),
  'AND, OR, NOT': ids({ OR: [{ title: { contains: 'a' } }, { likes: 3 }], AND: { published: true }, NOT: { id: 4 } }),
  some: userIds({ posts: { some: { categories: { some: { name: { in: ['Food'] } } } } } }),
  every: userIds({ posts: { every: { published: true } } }),
  none: userIds({ posts: { none: { views: { gt: 4 } } } }),
  is: userIds({ profile: { is: { bio: 'I am Alice' } } }),
  'is: null': userIds({ profile: { is: null } }),
  isNot: ids({ author: { isNot: { name: 'Bob' } } }),
  'fields of the same table': (prisma) =>
    prisma.post.findMany({
      where: { likes: { gte: (prisma as { post: { fields: Prisma.PostFieldRefs } }).post.fields.views } },
      ...byId,
    }),
}

/** Those of a document are written differently for each of the two. */
const json: Readonly<Record<'postgresql' | 'mysql', Uses>> = {
  postgresql: {
    'path, equals': userIds({ pets: { path: ['favorites', 'dogBreed'], equals: 'Rottweiler' } }),
    'path into an array, gt, lt, not': userIds({
      AND: [
        { pets: { path: ['favorites', 'sanctuaries', '0'], equals: 'RSPCA' } },
        { pets: { path: ['owned', 'cats', '0'], gt: 'A', lt: 'F' } },
        { pets: { path: ['owned', 'cats', '0'], not: 'Tom' } },
      ],
    }),
    'string_contains, string_starts_with, string_ends_with': userIds({
      AND: [
        { pets: { path: ['favorites', 'catBreed'], string_contains: 'sh', mode: 'insensitive' } },
        { pets: { path: ['favorites', 'catBreed'], string_starts_with: 'Turkish' } },
        { pets: { path: ['favorites', 'catBreed'], string_ends_with: 'van' } },
      ],
    }),
    'array_contains, array_starts_with, array_ends_with': userIds({
      AND: [
        { pets: { path: ['favorites', 'sanctuaries'], array_contains: ['RSPCA'] } },
        { pets: { path: ['favorites', 'sanctuaries'], array_starts_with: 'RSPCA' } },
        { pets: { path: ['favorites', 'sanctuaries'], array_ends_with: 'Alley Cat Allies' } },
      ],
    }),
  },
  mysql: {
    'path, equals': userIds({ pets: { path: '$.favorites.dogBreed', equals: 'Rottweiler' } } as never),
    'path into an array, gt, lt, not': userIds({
      AND: [
        { pets: { path: '$.favorites.sanctuaries[0]', equals: 'RSPCA' } },
        { pets: { path: '$.owned.cats[0]', gt: 'A', lt: 'F' } },
        { pets: { path: '$.owned.cats[0]', not: 'Tom' } },
      ],
    } as never),
    'string_contains, string_starts_with, string_ends_with': userIds({
      AND: [
        { pets: { path: '$.favorites.catBreed', string_contains: 'sh' } },
        { pets: { path: '$.favorites.catBreed', string_starts_with: 'Turkish' } },
        { pets: { path: '$.favorites.catBreed', string_ends_with: 'van' } },
      ],
    } as never),
    'array_contains, array_starts_with, array_ends_with': userIds({
      AND: [
        { pets: { path: '$.favorites.sanctuaries', array_contains: 'RSPCA' } },
        { pets: { path: '$.favorites.sanctuaries', array_starts_with: 'RSPCA' } },
        { pets: { path: '$.favorites.sanctuaries', array_ends_with: 'Alley Cat Allies' } },
      ],
    } as never),
  },
}

const fields: Uses = {
  'each scalar type': (prisma) => prisma.everything.findMany(byId),
  'DbNull, JsonNull, AnyNull': async (prisma) => [
    await userIds({ pets: { equals: Prisma.DbNull } })(prisma),
    await userIds({ pets: { equals: Prisma.JsonNull } })(prisma),
    await userIds({ pets: { equals: Prisma.AnyNull } })(prisma),
  ],
}

/** What Prisma's documentation lets one read, in the words of its headings. */
export const readsOf = (engine: 'postgresql' | 'mysql'): Uses => ({
  ...queries,
  ...options,
  ...filters,
  ...json[engine],
  ...fields,
})
