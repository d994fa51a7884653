import { text } from 'node:stream/consumers'
import type pg from 'pg'
import type { Pool, PoolClient } from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { describe, expect, test } from 'vitest'
import { pidOf, reasonOf, stage, swapped, until } from './stage.ts'

const on = stage()

/** One use of each member that a pool and its clients share, in each of its forms; what it gives is compared. */
const shared: Record<string, (of: Pool | PoolClient) => Promise<unknown>> = {
  'query(text)': async (of) => (await of.query('select 1 as a')).rows,
  'query(text, values)': async (of) => (await of.query('select $1::int as a', [2])).rows,
  'query(text, callback)': (of) => called((done) => of.query('select 3 as a', done)),
  'query(text, values, callback)': (of) => called((done) => of.query('select $1::int as a', [4], done)),
  'query(config)': async (of) => (await of.query({ text: 'select $1::int as a', values: [5] })).rows,
  'query(config, values)': async (of) => (await of.query({ text: 'select $1::int as a' }, [6])).rows,
  'query(config, callback)': (of) => called((done) => of.query({ text: 'select 7 as a' }, done)),
  'query({ rowMode })': async (of) => (await of.query({ text: 'select 8 as a', rowMode: 'array' })).rows,
  'query({ name })': async (of) => (await of.query({ name: 'nine', text: 'select $1::int as a', values: [9] })).rows,
  'query({ types })': async (of) => {
    const types = { getTypeParser: () => (value: string) => `parsed ${value}` }
    return (await of.query({ text: 'select 10 as a', types } as pg.QueryConfig)).rows
  },
  'query of several statements': async (of) =>
    ((await of.query('select 1 as a; select 2 as a')) as unknown as pg.QueryResult[]).map(({ rows }) => rows),
  'query(cursor)': async (of) => {
    const cursor = of.query(new Cursor('select generate_series(1, 5) as a'))
    const rows = [await cursor.read(2), await cursor.read(9)]
    await cursor.close()
    return rows
  },
  'query(stream)': async (of) => {
    const rows: unknown[] = []
    for await (const row of of.query(new QueryStream('select generate_series(1, 5) as a'))) rows.push(row)
    return rows
  },
  'query that fails': (of) => reasonOf(of.query('select 1 / 0')).then((error) => (error as { code: string }).code),
}

/** And of those that only a client has. */
const ofClient: Record<string, (client: PoolClient) => Promise<unknown>> = {
  'escapeIdentifier, escapeLiteral': async (client) => [client.escapeIdentifier('a"b'), client.escapeLiteral("a'b")],
  'setTypeParser, getTypeParser': async (client) => {
    client.setTypeParser(23, (value) => `int ${value}`)
    const parsed = (await client.query('select 1 as a')).rows
    client.setTypeParser(23, Number)
    return [parsed, client.getTypeParser(23, 'text') === Number]
  },
  'on(notice)': async (client) => {
    const heard = new Promise((resolve) => client.once('notice', ({ message }) => resolve(message)))
    await client.query(`do $$ begin raise notice 'hello'; end $$`)
    return heard
  },
  'on(notification)': async (client) => {
    const heard = new Promise((resolve) => client.once('notification', ({ payload }) => resolve(payload)))
    await client.query('listen news')
    await on.server.query(`notify news, 'hello'`)
    const payload = client.getTransactionStatus() === 'T' ? 'after the commit' : await heard
    await client.query('unlisten news')
    return payload
  },
}

function called(work: (done: (error: Error | null, result: pg.QueryResult) => void) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    work((error, result) => (error ? reject(error) : resolve(result.rows)))
  })
}

describe('flushed every 50 ms', () => {
  test.each(Object.entries(shared))('%s gives what it gives natively', async (_, use) => {
    // pg's own pool gives a promise for a cursor or a stream, which its types do not say.
    const native = await on.native().connect()
    const expected = await use(native)
    native.release()
    const pool = on.flushing({}, { intervalMs: 50, jitter: 0 })
    do expect(await use(pool)).toEqual(expected)
    while (pool.$flusher.stats().flushes < 3)
  })

  test.each(Object.entries({ ...shared, ...ofClient }))('on a client: %s', async (_, use) => {
    const native = await on.native().connect()
    const expected = await use(native)
    native.release()
    const pool = on.flushing({}, { intervalMs: 50, jitter: 0, deadlineMs: 10 })
    const client = await pool.connect()
    const pid = await pidOf(client)
    do {
      await pool.query('select 1')
      expect(await use(client)).toEqual(expected)
    } while (pool.$flusher.stats().flushes < 3)
    expect(await pidOf(client)).toBe(pid)
    client.release()
  })
})

describe('in the middle of a transaction', () => {
  test.each(Object.entries({ ...shared, ...ofClient }).filter(([name]) => name !== 'query that fails'))(
    '%s gives what it gives natively, before a flush and after it',
    async (_, use) => {
      const native = await on.native().connect()
      await native.query('begin')
      const expected = await use(native)
      native.release(true)
      const pool = on.flushing()
      const client = await pool.connect()
      await client.query('begin')
      expect(await use(client)).toEqual(expected)
      await pool.$flush(swapped)
      expect(await use(client)).toEqual(expected)
      expect(client.getTransactionStatus()).toBe('T')
      await client.query('commit')
      client.release()
      await until(() => pool.$flusher.stats().retiring.length === 0)
    },
  )
})

describe('the options of every generation', () => {
  test('onConnect and verify are asked for each of its connections', async () => {
    const asked: string[] = []
    const pool = on.flushing({
      max: 1,
      onConnect: (client) => {
        asked.push('onConnect')
        return client.query(`set application_name to 'mine'`)
      },
      verify: (_, done) => {
        asked.push('verify')
        done()
      },
    } as pg.PoolConfig)
    for (const _ of [1, 2]) {
      const { rows } = await pool.query(`select current_setting('application_name') as name`)
      expect(rows).toEqual([{ name: 'mine' }])
      expect(asked.splice(0)).toEqual(['onConnect', 'verify'])
      await pool.$flush()
    }
  })

  test('maxUses, idleTimeoutMillis and statement_timeout hold in each', async () => {
    const pool = on.flushing({ max: 1, maxUses: 2, idleTimeoutMillis: 50, statement_timeout: 100 })
    for (const _ of [1, 2]) {
      expect(await reasonOf(pool.query('select pg_sleep(60)'))).toMatchObject({ code: '57014' })
      const pids = [await pidOf(pool), await pidOf(pool), await pidOf(pool), await pidOf(pool)]
      for (const pid of pids) expect(pids.filter((other) => other === pid).length).toBeLessThanOrEqual(2)
      await until(() => pool.totalCount === 0)
      await pool.$flush()
    }
  })

  test('a Promise of one’s own is what members return', async () => {
    class OwnPromise<T> extends Promise<T> {}
    const pool = on.flushing({ Promise: OwnPromise })
    const results = [pool.query('select 1'), pool.connect()]
    for (const result of results) expect(result).toBeInstanceOf(OwnPromise)
    await results[0]
    ;((await results[1]) as PoolClient).release()
    await pool.$flush()
    const last = pool.query('select 1')
    expect(last).toBeInstanceOf(OwnPromise)
    await last
    const ends = [pool.end(), pool.end()]
    for (const end of ends) expect(end).toBeInstanceOf(OwnPromise)
    expect((await Promise.allSettled(ends)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })
})

test('text of a stream survives a flush in its middle', async () => {
  const pool = on.flushing()
  const stream = pool.query(new QueryStream('select generate_series(1, 2000)::text as a', [], { highWaterMark: 5 }))
  const iterator = stream[Symbol.asyncIterator]()
  expect((await iterator.next()).value).toEqual({ a: '1' })
  await pool.$flush(swapped)
  expect(await text(stream.map(({ a }: { a: string }) => `${a} `))).toBe(
    Array.from({ length: 1999 }, (_, n) => `${n + 2} `).join(''),
  )
})
