import { once } from 'node:events'
import { runInNewContext } from 'node:vm'
import { createFlusher } from '@periodic-flush/core'
import { withPeriodicFlush as flushingDrizzle } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as flushingMysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as flushingPool } from '@periodic-flush/pg'
import { withPeriodicFlush as flushingSql } from '@periodic-flush/postgres'
import { flushingAdapter } from '@periodic-flush/prisma'
import { type MariadbServer, type PostgresServer, startMariadb, startPostgres } from '@periodic-flush/testing'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mariadbInstalled } from './mariadb-installed.ts'
import { PrismaClient } from './prisma/generated/client.ts'

/**
 * A promise as Node's own functions give it to code in a sandbox, such as a test runner's: no `instanceof Promise` there.
 */
const foreign: PromiseConstructor = runInNewContext('Promise')

test('such a promise is of another realm', () => {
  expect(foreign.resolve()).not.toBeInstanceOf(Promise)
})

describe('on PostgreSQL', () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
  })

  afterAll(() => server?.stop())

  test('pg takes a factory that returns one', async () => {
    const pool = flushingPool(() => foreign.resolve(new Pool({ connectionString: server.url() })))
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pool.$flush()
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })

  test('Prisma takes a factory that returns one', async () => {
    const open = () => foreign.resolve(new PrismaPg({ connectionString: server.url() }))
    const adapter = await flushingAdapter(open)
    const prisma = new PrismaClient({ adapter })
    expect(await prisma.$queryRaw`select 1 as one`).toEqual([{ one: 1 }])
    await adapter.$flush()
    expect(await prisma.$queryRaw`select 1 as one`).toEqual([{ one: 1 }])
    await prisma.$disconnect()
  })

  test('postgres.js says what to write instead', () => {
    const open = () => foreign.resolve(postgres(server.url()))
    expect(() => flushingSql(open as unknown as () => Sql)).toThrow('`password` callback')
  })
})

describe.skipIf(!mariadbInstalled)('on MariaDB', () => {
  let server: MariadbServer

  beforeAll(async () => {
    server = await startMariadb()
  })

  afterAll(() => server?.stop())

  test('mysql2 takes a factory that returns one', async () => {
    const pool = await flushingMysql2(() => foreign.resolve(createPool(server.url())))
    expect((await pool.query('select 1 as one'))[0]).toEqual([{ one: 1 }])
    await pool.$flush()
    expect((await pool.query('select 1 as one'))[0]).toEqual([{ one: 1 }])
    await pool.end()
  })

  test('Drizzle takes a factory that returns one', async () => {
    const open = () => foreign.resolve(createPool(server.url()))
    const db = await flushingDrizzle(open, (client) => drizzle({ client }))
    await db.$flush()
    expect((await db.execute('select 1 as one'))[0]).toEqual([{ one: 1 }])
    await db.$client.end()
  })
})

const driver = {
  name: 'fake',
  check: async () => {},
  close: async () => {},
  cut: () => {},
}

test('core takes a driver that opens so', async () => {
  const client = {}
  const flusher = createFlusher({ ...driver, open: () => foreign.resolve(client) })
  const { given } = await flusher.run('query', async (given) => ({ given }))
  expect(given).toBe(client)
  await flusher.close()
})

test('a listener that rejects so becomes a warning, and does not end the process', async () => {
  const flusher = createFlusher({ ...driver, open: () => ({}) })
  flusher.on('swap', () => foreign.reject(new Error('a listener’s own')))
  const warning = once(process, 'warning')
  await flusher.flush()
  expect((await warning)[0]).toMatchObject({ message: expect.stringContaining('a listener’s own') })
  await flusher.close()
})
