import type { Flusher, FlushReport, Options } from '@periodic-flush/core'
import postgres, { type Sql } from 'postgres'
import { expectTypeOf, test } from 'vitest'
import { type FlushingSql, withPeriodicFlush } from '../src/index.ts'

const factory = () => postgres()
const point = {
  to: 600,
  from: [600],
  serialize: ([x, y]: [number, number]) => `(${x},${y})`,
  parse: (): [number, number] => [0, 0],
}
const neverAsked = (sql: FlushingSql) => ({
  rows: () => sql<{ id: number }[]>`select 1 as id`,
  one: async () => (await sql<[{ id: number }]>`select 1 as id`)[0].id,
  begin: () => sql.begin(async (tx) => tx<{ id: number }[]>`select 1 as id`),
  reserve: () => sql.reserve(),
  listen: () => sql.listen('news', (payload) => expectTypeOf(payload).toEqualTypeOf<string>()),
  // @ts-expect-error: a query is a template, not a string
  text: () => sql.unsafe(7),
  // @ts-expect-error: `$flush` takes options, not a reason
  flush: () => sql.$flush('because'),
  // @ts-expect-error: a deadline is a number of milliseconds
  deadline: () => sql.$flush({ deadlineMs: '3s' }),
})

test('what is returned is an Sql, plus two members', () => {
  const sql = withPeriodicFlush(factory, { intervalMs: false })
  expectTypeOf(sql).toExtend<Sql>()
  expectTypeOf(sql.$flush).returns.resolves.toEqualTypeOf<FlushReport>()
  expectTypeOf(sql.$flusher.stats).returns.toEqualTypeOf<ReturnType<Flusher<Sql>['stats']>>()
  const takesSql = (given: Sql) => given
  expectTypeOf(takesSql(sql)).toEqualTypeOf<Sql>()
})

test('each form of a query keeps its type', () => {
  type Asked = ReturnType<typeof neverAsked>
  expectTypeOf<Awaited<ReturnType<Asked['rows']>>[number]>().toEqualTypeOf<{ id: number }>()
  expectTypeOf<ReturnType<Asked['one']>>().resolves.toEqualTypeOf<number>()
  expectTypeOf<Awaited<ReturnType<Asked['begin']>>[number]>().toEqualTypeOf<{ id: number }>()
  expectTypeOf<ReturnType<Asked['reserve']>>().resolves.toExtend<Sql & { release(): void }>()
})

test('the user’s own types are those of the client', () => {
  const sql = withPeriodicFlush(() => postgres({ types: { point } }), { intervalMs: false })
  expectTypeOf(sql.typed.point).toBeCallableWith([1, 2])
  expectTypeOf(sql).toExtend<Sql<{ point: [number, number] }>>()
  // @ts-expect-error: a type that the client does not have
  const wrong = () => sql.typed.circle
  expectTypeOf(wrong).toBeFunction()
})

test('a wrong call does not compile', () => {
  const wrong = () => {
    // @ts-expect-error: a client is no factory
    withPeriodicFlush(postgres())
    // @ts-expect-error: postgres.js's methods are synchronous, so its factory is too
    withPeriodicFlush(async () => postgres())
    // @ts-expect-error: a pool of another driver's
    withPeriodicFlush(() => ({ query: () => {} }))
    // @ts-expect-error: an option that does not exist
    withPeriodicFlush(factory, { intervall: 1 })
    // @ts-expect-error: an interval is a number of milliseconds or false
    withPeriodicFlush(factory, { intervalMs: '30s' })
  }
  expectTypeOf(wrong).toBeFunction()
  const options: Options<Sql> = { check: (sql) => sql`select 1` }
  expectTypeOf(withPeriodicFlush(factory, options)).toExtend<Sql>()
})
