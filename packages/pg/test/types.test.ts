import type { Flusher, FlushReport, Options } from '@periodic-flush/core'
import pg, { type Pool, type PoolClient, type QueryResult } from 'pg'
import Cursor from 'pg-cursor'
import { expectTypeOf, test } from 'vitest'
import { type FlushingPool, withPeriodicFlush } from '../src/index.ts'

const factory = () => new pg.Pool()
const neverAsked = (pool: FlushingPool) => ({
  text: () => pool.query<{ id: number }>('select 1 as id'),
  array: () => pool.query<[number]>({ text: 'select 1', rowMode: 'array' }),
  cursor: () => pool.query(new Cursor('select 1')),
  connect: () => pool.connect(),
  // @ts-expect-error: a query is text, a config or a Submittable
  number: () => pool.query(7),
  // @ts-expect-error: `$flush` takes options, not a reason
  flush: () => pool.$flush('because'),
  // @ts-expect-error: a deadline is a number of milliseconds
  deadline: () => pool.$flush({ deadlineMs: '3s' }),
})

test('what is returned is a Pool, plus two members', () => {
  const pool = withPeriodicFlush(factory, { intervalMs: false })
  expectTypeOf(pool).toEqualTypeOf<FlushingPool>()
  expectTypeOf(pool).toExtend<Pool>()
  expectTypeOf(pool.$flusher).toEqualTypeOf<Flusher<Pool>>()
  expectTypeOf(pool.$flush).returns.resolves.toEqualTypeOf<FlushReport>()
  expectTypeOf(withPeriodicFlush(async () => factory())).toEqualTypeOf<FlushingPool>()
  const takesPool = (given: Pool) => given
  expectTypeOf(takesPool(pool)).toEqualTypeOf<Pool>()
})

test('each form of a query keeps its type', () => {
  type Asked = ReturnType<typeof neverAsked>
  expectTypeOf<ReturnType<Asked['text']>>().resolves.toEqualTypeOf<QueryResult<{ id: number }>>()
  expectTypeOf<Awaited<ReturnType<Asked['array']>>['rows']>().toEqualTypeOf<[number][]>()
  expectTypeOf<ReturnType<Asked['cursor']>>().toEqualTypeOf<Cursor>()
  expectTypeOf<ReturnType<Asked['connect']>>().resolves.toEqualTypeOf<PoolClient>()
})

test('a check gets a Pool', () => {
  const options: Options<Pool> = { check: (pool) => pool.query('select 1'), intervalMs: false }
  expectTypeOf(withPeriodicFlush(factory, options)).toEqualTypeOf<FlushingPool>()
  // @ts-expect-error: an interval is a number of milliseconds or false
  const wrong = () => withPeriodicFlush(factory, { intervalMs: '30s' })
  expectTypeOf(wrong).returns.toEqualTypeOf<FlushingPool>()
})
