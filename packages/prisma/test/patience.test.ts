import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { flushingAdapter } from '../src/index.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** What uses fail with while the only connection is held. */
async function impatient(
  factory: SqlDriverAdapterFactory,
): Promise<{ adapter: SqlDriverAdapter; failures: unknown[] }> {
  const adapter = await factory.connect()
  const held = await adapter.startTransaction()
  const statement = { sql: 'select 1', args: [], argTypes: [] }
  const uses = [
    adapter.queryRaw(statement),
    adapter.executeRaw(statement),
    adapter.executeScript('select 1'),
    adapter.startTransaction(),
  ]
  const failures = await Promise.all(uses.map(failure))
  await held.rollback()
  expect((await adapter.queryRaw(statement)).rows).toEqual([[1]])
  return { adapter, failures }
}

test.each([
  1_000,
  // As from an environment variable: a timer of Node takes it too.
  '1000' as unknown as number,
])(
  'connectionTimeoutMillis of adapter-pg, as %j, bounds the wait for a connection, in the same words',
  async (given) => {
    const native = () => new PrismaPg({ connectionString: server.url(), max: 1, connectionTimeoutMillis: given })
    const bare = await impatient(native())
    expect(bare.failures).toEqual(Array(4).fill(expect.any(Error)))
    const flushed = await impatient(flushingAdapter(native(), { intervalMs: false }))
    expect(flushed.failures).toEqual(bare.failures)
    await Promise.all([bare, flushed].map(({ adapter }) => adapter.dispose()))
  },
)

test('what fails otherwise than by waiting too long keeps its error', async () => {
  const native = new PrismaPg({ connectionString: server.url(), connectionTimeoutMillis: 1_000 })
  const factory = flushingAdapter(native, { intervalMs: false })
  const adapter = await factory.connect()
  await factory.$flusher.close()
  const statement = { sql: 'select 1', args: [], argTypes: [] }
  for (const use of [() => adapter.queryRaw(statement), () => adapter.startTransaction()]) {
    await expect(use()).rejects.toMatchObject({ code: 'CLOSED' })
  }
})
