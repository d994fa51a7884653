import { obeys, type Rule, shown, verifyValue, withMethods } from '@periodic-flush/core'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { PrismaClientLike } from './extension.ts'

const client = withMethods('a PrismaClient', '$extends', '$disconnect')
const connecting = withMethods('a driver adapter factory', 'connect')

const factory: Rule = {
  expected: 'a driver adapter factory',
  kind: (value) => connecting.kind(value) && typeof Reflect.get(Object(value), 'adapterName') === 'string',
}

/** A function that has to be called with `new`, as far as that can be told. */
const aClass: Rule = {
  expected: 'a class',
  kind: (value) => typeof value === 'function' && Object.getOwnPropertyNames(Object(value.prototype)).length > 1,
}

/** What is easily taken for something else, with what to do about it. */
const likely: readonly (readonly [Rule, string])[] = [
  [aClass, 'a class, which has to be called with `new`'],
  [client, 'a PrismaClient, which is for withPeriodicFlush(prisma)'],
  [factory, 'a driver adapter factory, which is for flushingAdapter(adapter)'],
  [withMethods('a connected adapter', 'queryRaw', 'startTransaction'), 'an adapter that is connected already'],
  [withMethods('a promise', 'then'), 'a promise, which has to be awaited'],
]

const given = (value: unknown): string => likely.find(([rule]) => obeys(value, rule))?.[1] ?? shown(value)

const prismaClient: Rule = {
  expected: 'a PrismaClient, as in withPeriodicFlush(new PrismaClient({ adapter }))',
  kind: client.kind,
  given,
}

const adapterFactory: Rule = {
  expected: 'a driver adapter factory, as in flushingAdapter(new PrismaPg({ … }))',
  kind: factory.kind,
  given,
}

/** Whether something is a PrismaClient. Never throws. */
export function isPrismaClient(value: unknown): value is PrismaClientLike {
  return obeys(value, client)
}

/** Whether something was meant as options, and not as a client. Never throws. */
export function isNoClient(value: unknown): boolean {
  if (value === undefined) return true
  return typeof value === 'object' && value !== null && !likely.some(([rule]) => obeys(value, rule))
}

/** @throws TypeError for what is no PrismaClient. */
export function verifyClient(value: unknown): asserts value is PrismaClientLike {
  verifyValue('prisma', value, prismaClient)
}

/**
 * @param name is what it is called in an error.
 * @throws TypeError for what is no driver adapter factory.
 */
export function verifyFactory(name: string, value: unknown): asserts value is SqlDriverAdapterFactory {
  verifyValue(name, value, adapterFactory)
}

/** @throws TypeError for a class, which is no function that gives driver adapter factories. */
export function verifyFunction(value: unknown): void {
  if (obeys(value, aClass)) verifyFactory('factory', value)
}
