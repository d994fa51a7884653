import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withPeriodicFlush as withFlushingPool } from '@periodic-flush/pg'
import { withPeriodicFlush } from '@periodic-flush/postgres'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { Redis } from 'ioredis'
import { connect } from 'nats'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { natsTrigger } from '../src/nats.ts'
import { postgresTrigger } from '../src/postgres.ts'
import { redisTrigger } from '../src/redis.ts'
import { NatsServer, natsInstalled } from './nats-server.ts'
import { RedisServer, redisInstalled } from './redis-server.ts'
import { until } from './watched-client.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

/** Two wrapped clients of different kinds, in use, and the generation that each is at. */
async function twoClients(trigger: ReturnType<typeof redisTrigger>) {
  const options = { intervalMs: false, triggers: [trigger] } as const
  const sql = withPeriodicFlush(() => postgres(server.url()), { ...options, name: 'sql' })
  const pool = withFlushingPool(() => new pg.Pool({ connectionString: server.url() }), { ...options, name: 'pool' })
  const failures: unknown[] = []
  for (const { $flusher } of [sql, pool]) $flusher.on('failed', (failure) => failures.push(failure))
  await sql`select 1`
  await pool.query('select 1')
  return {
    failures,
    generations: () => [sql.$flusher.stats().generation, pool.$flusher.stats().generation],
    async end() {
      await sql.end()
      await pool.end()
    },
  }
}

test.skipIf(!redisInstalled)('one command on Redis flushes two processes, which can end afterwards', async () => {
  await using redis = await RedisServer.start()
  const program = fileURLToPath(new URL('programs/process.mjs', import.meta.url))
  const processes = [1, 2].map(() => promisify(execFile)(process.execPath, [program, server.url(), redis.path]))
  await until(async () => (await redis.subscribers('periodic-flush')) === 2)
  expect(await redis.publish('periodic-flush', 'now')).toBe(2)
  for (const { stdout } of await Promise.all(processes)) {
    expect(stdout).toBe('fleet command: generation 2, answers 1\n')
  }
})

test.skipIf(!redisInstalled)('one command on Redis flushes two wrapped clients of one process', async () => {
  await using redis = await RedisServer.start()
  const client = new Redis({ path: redis.path })
  const clients = await twoClients(redisTrigger(client, { spreadMs: 10 }))
  await until(async () => (await redis.subscribers('periodic-flush')) === 1)
  await redis.publish('periodic-flush', 'now')
  await until(() => clients.generations().join() === '2,2')
  await redis.publish('periodic-flush', 'now pool')
  await until(() => clients.generations().join() === '2,3')
  await redis.publish('periodic-flush', 'later')
  await until(() => clients.failures.length === 2)
  expect(clients.failures).toMatchObject([
    { name: 'sql', reason: 'redis', step: 'trigger', error: { message: expect.stringContaining("got 'later'") } },
    { name: 'pool', reason: 'redis', step: 'trigger' },
  ])
  await clients.end()
  await until(async () => (await redis.subscribers('periodic-flush')) === 0)
  expect(await client.ping()).toBe('PONG')
  await client.quit()
})

test.skipIf(!natsInstalled)('one command on NATS flushes two wrapped clients of one process', async () => {
  await using nats = await NatsServer.start()
  const connection = await connect({ servers: `${nats.host}:${nats.port}` })
  const clients = await twoClients(natsTrigger(connection, { spreadMs: 10 }))
  await until(async () => (await nats.subscribers('periodic-flush')) === 1)
  await nats.publish('periodic-flush', 'now')
  await until(() => clients.generations().join() === '2,2')
  await clients.end()
  await until(async () => (await nats.subscribers('periodic-flush')) === 0)
  expect(clients.failures).toEqual([])
  await connection.close()
})

test('one NOTIFY flushes two wrapped clients of one process', async () => {
  const connection = new pg.Client(server.url())
  await connection.connect()
  const clients = await twoClients(postgresTrigger(connection, { spreadMs: 10 }))
  await server.query('notify periodic_flush')
  await until(() => clients.generations().join() === '2,2')
  await clients.end()
  const { rows } = await connection.query('select pg_listening_channels()')
  expect([rows, clients.failures]).toEqual([[], []])
  await connection.end()
})
