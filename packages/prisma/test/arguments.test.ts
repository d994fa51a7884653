import { PrismaPg } from '@prisma/adapter-pg'
import { expect, test } from 'vitest'
import { PrismaClient } from '../../../test/prisma/generated/client.ts'
import { flushingAdapter, withPeriodicFlush } from '../src/index.ts'

const connectionString = 'postgres://me:s3cret@localhost/none'
const factory = () => new PrismaPg({ connectionString })
const client = () => new PrismaClient({ adapter: factory() })

const expectedClient =
  'Expected `prisma` to be a PrismaClient, as in withPeriodicFlush(new PrismaClient({ adapter })), got '
const isFactory = 'a driver adapter factory, which is for flushingAdapter(adapter)'
const isClass = 'a class, which has to be called with `new`'
const isPromise = 'a promise, which has to be awaited'

test.each([
  ['a factory', () => withPeriodicFlush(factory() as never), isFactory],
  ['a factory, with options', () => withPeriodicFlush(factory() as never, { intervalMs: false }), isFactory],
  ['the class of a client', () => withPeriodicFlush(PrismaClient as never), isClass],
  ['a function that makes a client', () => withPeriodicFlush(client as never), 'a function'],
  ['a promise of a client', () => withPeriodicFlush(Promise.resolve(client()) as never), isPromise],
  ['null', () => withPeriodicFlush(null as never), 'null'],
  ['a connection string', () => withPeriodicFlush(connectionString as never), 'a string of 35 characters'],
  ['arguments in the other order', () => withPeriodicFlush({ intervalMs: 1 } as never, client() as never), 'an object'],
  ['an extension that is given no client', () => withPeriodicFlush({ intervalMs: 1 })({} as never), 'an object'],
])('withPeriodicFlush is told what was given where a client is expected: %s', (_, call, got) => {
  expect(call).toThrow(new TypeError(expectedClient + got))
})

const expectedFactory = (name: string) =>
  `Expected \`${name}\` to be a driver adapter factory, as in flushingAdapter(new PrismaPg({ … })), got `

test.each([
  ['a client', () => flushingAdapter(client() as never), 'a PrismaClient, which is for withPeriodicFlush(prisma)'],
  ['the class of a factory', () => flushingAdapter(PrismaPg as never), isClass],
  ['a promise of a factory', () => flushingAdapter(Promise.resolve(factory()) as never), isPromise],
  ['nothing', () => flushingAdapter(undefined as never), 'undefined'],
  ['an object', () => flushingAdapter({} as never), 'an object'],
])('flushingAdapter is told what was given where a factory is expected: %s', (_, call, got) => {
  expect(call).toThrow(new TypeError(expectedFactory('factory') + got))
})

test('flushingAdapter is told what was given where a factory is expected: an adapter', async () => {
  const adapter = await factory().connect()
  expect(() => flushingAdapter(adapter as never)).toThrow(
    new TypeError(`${expectedFactory('factory')}an adapter that is connected already`),
  )
  await adapter.dispose()
})

test('a function that gives something else is told so, at once and later', async () => {
  const expected = new TypeError(
    `${expectedFactory('what the function returns')}a PrismaClient, which is for withPeriodicFlush(prisma)`,
  )
  expect(() => flushingAdapter(client as never)).toThrow(expected)
  await expect(flushingAdapter(async () => client() as never)).rejects.toThrow(expected)
  const given = [factory(), factory(), client()]
  const next = (): PrismaPg => given.shift() as PrismaPg
  const flushing = flushingAdapter(next, { intervalMs: false })
  const adapter = await flushing.connect()
  await flushing.$flush({ wait: 'swapped' }).catch(() => {})
  await expect(flushing.$flush()).rejects.toMatchObject({ code: 'OPEN_FAILED', cause: expected })
  await adapter.dispose()
})

test('a wrong option is told at once, before a function is asked for an adapter', () => {
  let asked = 0
  const next = async () => {
    asked++
    return factory()
  }
  expect(() => flushingAdapter(next, { intervalMs: -1 })).toThrow(RangeError)
  expect(asked).toBe(0)
})

test('the extension that was not made with a call wraps all the same', () => {
  const prisma = client().$extends(withPeriodicFlush as never)
  expect(prisma).toHaveProperty('$flusher')
})
