import { once } from 'node:events'
import { type FailoverPair, failoverPair, type PostgresServer } from '@periodic-flush/testing'
import { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPool } from './bench/rivals.ts'
import { Wire } from './bench/wire.ts'

let pair: FailoverPair<PostgresServer>

beforeAll(async () => {
  pair = await failoverPair({ engine: 'postgres', name: 'wire.periodic-flush.test' })
})

afterAll(() => pair?.stop())

test('a statement is doomed while it has no answer, and not once it has one', async () => {
  using wire = new Wire(pair.name.name, 'postgres')
  const pool = openPool(pair.url())
  await pool.query('select 1')
  const { host } = pair.blue
  expect(wire.doomed(host)).toBe(0)
  const client = await pool.connect()
  const asked = client.query('select 1')
  expect(wire.doomed(host)).toBe(1)
  await asked
  expect(wire.doomed(host)).toBe(0)
  client.release()
  await pool.end()
})

test('what was refused stays counted when its connection is closed for that, at the server that refused it', async () => {
  using wire = new Wire(pair.name.name, 'postgres')
  const pool = new Pool({ connectionString: pair.url(), max: 2 })
  for (const refused of [1, 2]) {
    const removed = once(pool, 'remove')
    await expect(pool.query('select * from nothing')).rejects.toThrow('does not exist')
    await removed
    expect(wire.doomed(pair.blue.host)).toBe(refused)
  }
  expect(wire.doomed(pair.green.host)).toBe(0)
  expect(wire.lost(pair.blue.host)).toBe(0)
  await pool.end()
})
