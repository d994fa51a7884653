import type { Flusher, FlushReport, Options } from '@periodic-flush/core'
import { createPool, type Pool } from 'mysql2'
import {
  createPool as createPromisePool,
  type PoolConnection,
  type Pool as PromisePool,
  type ResultSetHeader,
  type RowDataPacket,
} from 'mysql2/promise'
import { expectTypeOf, test } from 'vitest'
import { type FlushingPool, withPeriodicFlush } from '../src/index.ts'

interface Row extends RowDataPacket {
  readonly id: number
}

const promised = () => createPromisePool({ host: 'localhost' })
const callback = () => createPool({ host: 'localhost' })
const neverAsked = (pool: FlushingPool<PromisePool>) => ({
  rows: async () => (await pool.query<Row[]>('select 1 as id'))[0],
  header: async () => (await pool.execute<ResultSetHeader>('delete from entry where id = ?', [1]))[0],
  connect: () => pool.getConnection(),
  // @ts-expect-error: a query is text or options
  number: () => pool.query(7),
  // @ts-expect-error: `$flush` takes options, not a reason
  flush: () => pool.$flush('because'),
  // @ts-expect-error: a deadline is a number of milliseconds
  deadline: () => pool.$flush({ deadlineMs: '3s' }),
})

test('what is returned is a pool of the flavour that was given, plus two members', () => {
  const pool = withPeriodicFlush(promised, { intervalMs: false })
  expectTypeOf(pool).toExtend<PromisePool>()
  expectTypeOf(pool.$flusher).toEqualTypeOf<Flusher<PromisePool>>()
  expectTypeOf(pool.$flush).returns.resolves.toEqualTypeOf<FlushReport>()
  const takesPool = (given: PromisePool) => given
  expectTypeOf(takesPool(pool)).toEqualTypeOf<PromisePool>()
  const old = withPeriodicFlush(callback, { intervalMs: false })
  expectTypeOf(old).toExtend<Pool>()
  expectTypeOf(old.$flusher).toEqualTypeOf<Flusher<Pool>>()
  expectTypeOf(old.promise()).toEqualTypeOf<PromisePool>()
})

test('an async factory gives a promise of it', () => {
  const later = () => withPeriodicFlush(async () => promised(), { intervalMs: false })
  expectTypeOf(later).returns.resolves.toEqualTypeOf<FlushingPool<PromisePool>>()
})

test('each form of a query keeps its type', () => {
  type Asked = ReturnType<typeof neverAsked>
  expectTypeOf<ReturnType<Asked['rows']>>().resolves.toEqualTypeOf<Row[]>()
  expectTypeOf<ReturnType<Asked['header']>>().resolves.toEqualTypeOf<ResultSetHeader>()
  expectTypeOf<ReturnType<Asked['connect']>>().resolves.toEqualTypeOf<PoolConnection>()
})

test('a wrong call does not compile', () => {
  const wrong = () => {
    // @ts-expect-error: a pool is no factory
    withPeriodicFlush(promised())
    // @ts-expect-error: a factory of something else
    withPeriodicFlush(() => ({ query: () => {} }))
    // @ts-expect-error: an option that does not exist
    withPeriodicFlush(promised, { intervall: 1 })
    // @ts-expect-error: an interval is a number of milliseconds or false
    withPeriodicFlush(promised, { intervalMs: '30s' })
  }
  expectTypeOf(wrong).toBeFunction()
  const options: Options<PromisePool> = { check: (pool) => pool.query('select 1') }
  expectTypeOf(() => withPeriodicFlush(promised, options)).returns.toExtend<PromisePool>()
})
