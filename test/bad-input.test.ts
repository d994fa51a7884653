import {
  createFlusher,
  type Driver,
  failover,
  flushAll,
  nameMoved,
  signal,
  startPeriodicFlush,
} from '@periodic-flush/core'
import { withPeriodicFlush as drizzleMysql2 } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as drizzleNodePostgres } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush as drizzlePostgresJs } from '@periodic-flush/drizzle/postgres-js'
import { natsTrigger } from '@periodic-flush/fleet/nats'
import { postgresTrigger } from '@periodic-flush/fleet/postgres'
import { redisTrigger } from '@periodic-flush/fleet/redis'
import { withPeriodicFlush as mysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as pg } from '@periodic-flush/pg'
import { withPeriodicFlush as postgresJs } from '@periodic-flush/postgres'
import { flushingAdapter, withPeriodicFlush as prisma } from '@periodic-flush/prisma'
import {
  failoverPair,
  gate,
  movableName,
  startMariadb,
  startPostgres,
  startPostgresStandby,
} from '@periodic-flush/testing'
import fc from 'fast-check'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres from 'postgres'
import { afterAll, expect, test } from 'vitest'

const seed = Number(process.env['PERIODIC_FLUSH_SEED'] ?? Date.now() % 2 ** 31)
const SECRET = 's3cr3t-s3cr3t'
const url = `postgres://me:${SECRET}@127.0.0.1:1/app`

/** Anything but what is absent: no function of ours takes it for an object with options or for a client. */
const odd = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.string(),
  fc.constant(url),
  fc.constant(Symbol('odd')),
  fc.constant([]),
  fc.array(fc.constant(url), { minLength: 1 }),
)
/** What looks like options and is none. */
const oddOptions = fc.oneof(
  odd,
  fc.constantFrom('intervalms', 'url', '__proto__x', 'constructor').map((key) => ({ [key]: url })),
)
/** What looks like a client and is none. */
const oddClient = fc.oneof(
  odd,
  fc.constant(undefined),
  fc.constant({ url }),
  fc.constant(() => url),
)

/** An option of the right name with a value of the wrong type or out of range. */
const oddFlusherOptions = fc.oneof(
  oddOptions,
  fc
    .tuple(
      fc.constantFrom('intervalMs', 'jitter', 'deadlineMs', 'checkTimeoutMs', 'maxAgeMs', 'minGapMs'),
      fc.constantFrom(null, '1', url, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, {}, [], 1n, true),
    )
    .map(([option, value]) => ({ [option]: value })),
  fc
    .tuple(
      fc.constantFrom('onDeadline', 'check', 'require', 'triggers', 'name'),
      fc.constantFrom(null, 1, Number.NaN, {}, [null], [url], 1n),
    )
    .map(([option, value]) => ({ [option]: value })),
)

const driver: Driver<object> = {
  name: 'none',
  open: () => ({}),
  check: async () => {},
  close: async () => {},
  cut: () => {},
}
const newPool = () => new Pool({ connectionString: url })
const newMysqlPool = () => createPool({ host: '127.0.0.1', port: 1, user: 'me', password: SECRET })
const newSql = () => postgres(url)
const flusher = createFlusher(driver, { intervalMs: false })

afterAll(() => flusher.close())

type Call = (...given: never[]) => unknown
const cases: [string, Call, fc.Arbitrary<unknown>[]][] = [
  ['core: createFlusher(driver, odd)', (options) => createFlusher(driver, options), [oddFlusherOptions]],
  ['core: createFlusher(odd)', (given) => createFlusher(given), [oddClient]],
  ['core: flush', (options) => flusher.flush(options), [oddOptions]],
  ['core: hold', (options) => flusher.hold(options), [oddOptions]],
  ['core: close', (options) => createFlusher(driver).close(options), [oddOptions]],
  ['core: on(odd)', (event) => flusher.on(event, () => {}), [oddClient]],
  ['core: on(event, odd)', (listener) => flusher.on('swap', listener), [odd]],
  [
    'core: flushAll(odd)',
    (targets) => flushAll(targets),
    [odd.filter((value) => !Array.isArray(value) || value.length > 0)],
  ],
  ['core: flushAll([], odd)', (options) => flushAll([], options), [oddOptions]],
  ['core: startPeriodicFlush', (options) => startPeriodicFlush(options), [oddOptions]],
  [
    'core: startPeriodicFlush({ targets })',
    (targets) => startPeriodicFlush({ targets }),
    [fc.constantFrom(null, 1, url, [url], [{}])],
  ],
  ['core: nameMoved', (options) => nameMoved(options), [oddOptions]],
  ['core: signal', (name) => signal(name), [oddClient]],
  ['pg: (odd)', (factory) => pg(factory), [oddClient]],
  ['pg: (factory, odd)', (options) => pg(newPool, options), [oddFlusherOptions]],
  ['mysql2: (odd)', (factory) => mysql2(factory), [oddClient]],
  ['mysql2: (factory, odd)', (options) => mysql2(newMysqlPool, options), [oddFlusherOptions]],
  ['postgres: (odd)', (factory) => postgresJs(factory), [oddClient]],
  ['postgres: (factory, odd)', (options) => postgresJs(newSql, options), [oddFlusherOptions]],
  ['drizzle/node-postgres: (odd, odd)', (factory, db) => drizzleNodePostgres(factory, db), [oddClient, oddClient]],
  ['drizzle/postgres-js: (odd, odd)', (factory, db) => drizzlePostgresJs(factory, db), [oddClient, oddClient]],
  ['drizzle/mysql2: (odd, odd)', (factory, db) => drizzleMysql2(factory, db), [oddClient, oddClient]],
  ['prisma: (odd, {})', (client) => prisma(client, {}), [odd.filter((value) => value !== undefined)]],
  ['prisma: flushingAdapter', (factory) => flushingAdapter(factory), [oddClient]],
  ['fleet: natsTrigger', (client) => natsTrigger(client), [oddClient]],
  ['fleet: redisTrigger', (client) => redisTrigger(client), [oddClient]],
  ['fleet: postgresTrigger', (client) => postgresTrigger(client), [oddClient]],
  ['testing: startPostgres', (options) => startPostgres(options), [oddOptions]],
  ['testing: startMariadb', (options) => startMariadb(options), [oddOptions]],
  ['testing: failoverPair', (options) => failoverPair(options), [oddOptions]],
  ['testing: startPostgresStandby', (primary) => startPostgresStandby(primary), [oddClient]],
  ['testing: gate', (target) => gate(target), [oddClient]],
  ['testing: movableName', (name, address) => movableName(name, address), [odd, odd]],
]

test.each(cases)('%s answers odd input with a clear error, at once, and leaves nothing', async (_, call, given) => {
  console.log(`PERIODIC_FLUSH_SEED=${seed}`)
  const run = call as (...given: readonly unknown[]) => unknown
  await fc.assert(
    fc.asyncProperty(fc.tuple(...given), async (values) => {
      const before = held()
      const error = await outcome(() => run(...values))
      expect(error).toBeInstanceOf(Error)
      const { name, message } = error as Error
      expect(name).toMatch(/^(TypeError|RangeError|PeriodicFlushError|TestingError)$/)
      expect(message).toMatch(/expected|unknown option/i)
      expect(`${message} ${String((error as Error).cause)}`).not.toContain(SECRET)
      expect(held()).toEqual(before)
    }),
    { seed, numRuns: 60 },
  )
})

test('failover takes nothing', () => {
  expect(failover().name).toBe('failover')
})

/** What the call throws or rejects with. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return { resolved: await call() }
  } catch (error) {
    return error
  }
}

/** What keeps the process alive, and its listeners. */
function held(): readonly string[] {
  const resources = process.getActiveResourcesInfo().filter((what) => /Timeout|TCP|Process|Pipe/.test(what))
  return [
    ...resources.sort(),
    ...process.eventNames().map((event) => `${String(event)} ${process.listenerCount(event)}`),
  ]
}
