import { Prisma } from '../../../../test/prisma/documented/postgresql/generated/client.ts'
import type { Uses } from './reads.ts'
import type { Within } from './stage.ts'

const byId = { orderBy: { id: 'asc' } } as const
const dora = { id: 10, email: 'dora@prisma.io', city: 'Rome', country: 'Italy' }
const emil = { id: 11, email: 'emil@prisma.io', city: 'Rome', country: 'Italy' }
const withAll = { posts: { include: { categories: byId }, ...byId }, profile: true } satisfies Prisma.UserInclude

/** Alice after an update of what is related to her. */
const alice = (data: Prisma.UserUpdateInput) => (prisma: Within) =>
  prisma.user.update({ where: { id: 1 }, data, include: withAll })

const queries: Uses = {
  'create()': (prisma) => prisma.user.create({ data: { ...dora, role: 'ADMIN', pets: { owned: ['Elliott'] } } }),
  'create() with what the database makes': async (prisma) => {
    const { id, ...category } = await prisma.category.create({ data: { name: 'Drinks' } })
    return [typeof id, category]
  },
  'update()': (prisma) => prisma.user.update({ where: { id: 1 }, data: { name: 'Alicia' }, select: { name: true } }),
  'upsert() of a record that there is': (prisma) =>
    prisma.user.upsert({ where: { id: 1 }, update: { name: 'Alicia' }, create: dora }),
  'upsert() of a record that there is not': (prisma) =>
    prisma.user.upsert({ where: { email: dora.email }, update: { name: 'Dora' }, create: dora }),
  'delete()': (prisma) => prisma.post.delete({ where: { id: 4 }, select: { title: true } }),
  'select, include and omit of what is written': async (prisma) => [
    await prisma.user.create({ data: dora, select: { email: true, _count: { select: { posts: true } } } }),
    await prisma.user.update({ where: { id: 1 }, data: { name: 'A' }, omit: { pets: true }, include: withAll }),
    await prisma.user.upsert({ where: { id: 2 }, update: { name: 'B' }, create: emil, select: { name: true } }),
    await prisma.post.delete({ where: { id: 3 }, include: { author: true, categories: byId } }),
  ],
  'createMany()': (prisma) => prisma.user.createMany({ data: [dora, emil] }),
  'createMany({ skipDuplicates })': (prisma) =>
    prisma.user.createMany({ data: [{ ...dora, email: 'bob@prisma.io' }, emil], skipDuplicates: true }),
  'updateMany()': (prisma) => prisma.post.updateMany({ where: { likes: { gt: 2 } }, data: { published: false } }),
  'updateMany({ limit })': (prisma) => prisma.post.updateMany({ data: { published: false }, limit: 2 }),
  'deleteMany()': (prisma) => prisma.post.deleteMany({ where: { authorId: 1 } }),
  'deleteMany({ limit })': (prisma) => prisma.post.deleteMany({ limit: 1 }),
  'increment, decrement, multiply, divide, set': async (prisma) => {
    const likes = (data: Prisma.IntFieldUpdateOperationsInput) =>
      prisma.post.update({ where: { id: 1 }, data: { likes: data }, select: { likes: true } })
    return [
      await likes({ increment: 5 }),
      await likes({ decrement: 2 }),
      await likes({ multiply: 3 }),
      await likes({ divide: 2 }),
      await likes({ set: 1 }),
    ]
  },
}

const nested: Uses = {
  'nested create': (prisma) =>
    prisma.user.create({
      data: { ...dora, posts: { create: [{ id: 20, title: 'one' }] }, profile: { create: { id: 20, bio: 'Dora' } } },
      include: withAll,
    }),
  'nested createMany': alice({
    posts: {
      createMany: {
        data: [
          { id: 20, title: 'one' },
          { id: 21, title: 'two' },
        ],
      },
    },
  }),
  'nested connect': alice({ posts: { connect: [{ id: 3 }, { id: 4 }] }, profile: { connect: { id: 2 } } }),
  'nested connectOrCreate': alice({
    posts: {
      connectOrCreate: [
        { where: { id: 4 }, create: { title: 'never' } },
        { where: { id: 20 }, create: { id: 20, title: 'new' } },
      ],
    },
  }),
  'nested connect by a compound @@unique': (prisma) =>
    prisma.post.update({
      ...{ where: { id: 4 }, select: { id: true, author: { select: { name: true } } } },
      data: { author: { connect: { who: { city: 'Berlin', email: 'alice@prisma.io' } } } },
    }),
  'nested set': alice({ posts: { set: [{ id: 4 }] } }),
  'nested disconnect': alice({ posts: { disconnect: [{ id: 1 }] }, profile: { disconnect: true } }),
  'nested update': alice({
    posts: { update: [{ where: { id: 1 }, data: { title: 'new' } }] },
    profile: { update: { bio: 'new' } },
  }),
  'nested update, delete and disconnect with a condition': async (prisma) => [
    await alice({ profile: { update: { where: { bio: 'I am Alice' }, data: { bio: 'new' } } } })(prisma),
    await alice({ profile: { disconnect: { bio: 'another' } } })(prisma),
    await alice({ profile: { delete: { bio: 'new' } } })(prisma),
  ],
  'nested upsert': alice({
    posts: { upsert: { where: { id: 20 }, create: { id: 20, title: 'new' }, update: { title: 'never' } } },
    profile: { upsert: { create: { bio: 'never' }, update: { bio: 'new' } } },
  }),
  'nested delete': alice({ posts: { delete: [{ id: 1 }] }, profile: { delete: true } }),
  'nested updateMany': alice({ posts: { updateMany: { where: { published: false }, data: { likes: 0 } } } }),
  'nested deleteMany': alice({ posts: { deleteMany: {} } }),
  'nested writes of many to many': (prisma) =>
    prisma.post.update({
      where: { id: 1 },
      data: { categories: { disconnect: { id: 1 }, create: { id: 20, name: 'Drinks' } } },
      include: { categories: byId },
    }),
}

const fields: Uses = {
  'each scalar type, written': (prisma) =>
    prisma.everything.update({
      where: { id: 2 },
      data: {
        ...{ text: 'it’s', varchar: '10 letters', int: -1, bigint: 2n ** 62n, float: 0.1, bool: false, role: 'USER' },
        ...{ decimal: new Prisma.Decimal('12345.678'), bytes: new Uint8Array([0, 255]), json: [1, { a: null }] },
        ...{ datetime: new Date('2025-01-02T03:04:05.678Z'), date: new Date('2025-01-02'), time: new Date(1_000) },
        uuid: '00000000-0000-4000-8000-000000000000',
      },
    }),
  'JSON null, written': async (prisma) => [
    await prisma.user.update({ where: { id: 1 }, data: { pets: Prisma.JsonNull }, select: { pets: true } }),
    await prisma.user.update({ where: { id: 1 }, data: { pets: Prisma.DbNull }, select: { pets: true } }),
    await prisma.user.findMany({ where: { pets: { equals: Prisma.DbNull } }, select: { id: true }, ...byId }),
  ],
}

const onlyPostgresql: Uses = {
  'createManyAndReturn()': (prisma) => prisma.user.createManyAndReturn({ data: [dora, emil], omit: { pets: true } }),
  'createManyAndReturn({ select, skipDuplicates })': (prisma) =>
    prisma.user.createManyAndReturn({
      ...{ data: [{ ...dora, email: 'bob@prisma.io' }, emil], skipDuplicates: true, select: { email: true } },
    }),
  'createManyAndReturn({ include })': (prisma) =>
    prisma.post.createManyAndReturn({ data: [{ id: 20, title: 'one', authorId: 1 }], include: { author: true } }),
  'updateManyAndReturn({ limit, select })': async (prisma) =>
    (await prisma.post.updateManyAndReturn({ data: { likes: 9 }, limit: 2, select: { likes: true } })).map(
      ({ likes }) => likes,
    ),
  'updateManyAndReturn()': async (prisma) =>
    (await prisma.post.updateManyAndReturn({ where: { authorId: 1 }, data: { likes: 9 } })).sort((a, b) => a.id - b.id),
  'scalar lists: set, push, has, hasEvery, hasSome, isEmpty': async (prisma) => {
    const tags = (where: Prisma.UserWhereInput) => prisma.user.findMany({ where, select: { id: true } })
    await prisma.user.update({ where: { id: 1 }, data: { tags: ['a', 'b'] } })
    await prisma.user.update({ where: { id: 2 }, data: { tags: { set: [] } } })
    return [
      await prisma.user.update({ where: { id: 1 }, data: { tags: { push: ['c'] } }, select: { tags: true } }),
      await tags({ tags: { has: 'a' } }),
      await tags({ tags: { hasEvery: ['a', 'c'] } }),
      await tags({ tags: { hasSome: ['c', 'x'] } }),
      await tags({ tags: { isEmpty: true } }),
    ]
  },
}

/** What Prisma's documentation lets one write, in the words of its headings. */
export const writesOf = (engine: 'postgresql' | 'mysql'): Uses => ({
  ...queries,
  ...nested,
  ...fields,
  ...(engine === 'postgresql' && onlyPostgresql),
})
