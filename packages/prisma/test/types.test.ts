import { PrismaPg } from '@prisma/adapter-pg'
import { expectTypeOf, test } from 'vitest'
import { type Post, PrismaClient, type User } from '../../../test/prisma/generated/client.ts'
import { type Flushable, flushingAdapter, withPeriodicFlush } from '../src/index.ts'

const client = () => new PrismaClient({ adapter: new PrismaPg({ connectionString: 'postgres://localhost/none' }) })

test('a wrapped client is a PrismaClient, with $flush and $flusher', () => {
  const prisma = withPeriodicFlush(client())
  expectTypeOf(prisma).toExtend<PrismaClient>()
  expectTypeOf(prisma).toExtend<Flushable>()
  expectTypeOf<typeof prisma>().toEqualTypeOf<PrismaClient & Flushable>()
})

test('model types are those of the schema', () => {
  const prisma = withPeriodicFlush(client())
  expectTypeOf(() => prisma.user.findMany()).returns.resolves.toEqualTypeOf<User[]>()
  expectTypeOf(() => prisma.user.findFirstOrThrow({ include: { posts: true } })).returns.resolves.toExtend<
    User & { posts: Post[] }
  >()
  expectTypeOf(() => prisma.user.findFirstOrThrow({ select: { email: true } })).returns.resolves.toEqualTypeOf<{
    email: string
  }>()
})

test('so are those of an extended client, before wrapping and after', () => {
  const before = withPeriodicFlush(client().$extends({ model: { user: { shout: () => 'loud' as const } } }))
  expectTypeOf(before.user.shout()).toEqualTypeOf<'loud'>()
  expectTypeOf(before.$flush).toEqualTypeOf<Flushable['$flush']>()
  const after = client()
    .$extends(withPeriodicFlush())
    .$extends({ model: { user: { shout: () => 'loud' as const } } })
  expectTypeOf(after.user.shout()).toEqualTypeOf<'loud'>()
  expectTypeOf(after.$flush).toEqualTypeOf<Flushable['$flush']>()
  expectTypeOf(() => after.user.findMany()).returns.resolves.toEqualTypeOf<User[]>()
})

test('an adapter is one for PrismaClient; an async function gives a promise of one', () => {
  const adapter = flushingAdapter(new PrismaPg({ connectionString: 'postgres://localhost/none' }))
  expectTypeOf(() => new PrismaClient({ adapter })).returns.toExtend<PrismaClient>()
  const later = () => flushingAdapter(async () => new PrismaPg({ connectionString: 'postgres://localhost/none' }))
  expectTypeOf(later).returns.resolves.toEqualTypeOf<typeof adapter>()
})

test('a wrong call does not compile', () => {
  const wrong = () => {
    // @ts-expect-error an option that does not exist
    withPeriodicFlush(client(), { intervall: 1 })
    // @ts-expect-error a number is expected
    withPeriodicFlush(client(), { intervalMs: '30s' })
    // @ts-expect-error a connection string is no adapter
    flushingAdapter('postgres://localhost/none')
    // @ts-expect-error a promise of an adapter is none: it has to be awaited
    new PrismaClient({ adapter: flushingAdapter(async () => new PrismaPg({})) })
    // @ts-expect-error a model that the schema does not have
    withPeriodicFlush(client()).comment
  }
  expectTypeOf(wrong).toBeFunction()
})
