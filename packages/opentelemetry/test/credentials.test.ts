import { inspect } from 'node:util'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { withPeriodicFlush } from '@periodic-flush/pg'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { observe } from '../src/index.ts'
import { Collected } from './collected.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

test('no metric and no span holds a password, whatever a flush fails with', async () => {
  const password = `S3cr "@:/?#'t`
  await server.query(`create role visitor login password '${password.replaceAll("'", "''")}'`)
  const url = (secret: string) =>
    `postgres://visitor:${encodeURIComponent(secret)}@${server.host}:${server.port}/${server.database}`
  const collected = new Collected()
  const spans = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const end = observe({ meterProvider: collected.provider, tracerProvider })
  let make = () => new pg.Pool({ connectionString: url(password) })
  const pool = withPeriodicFlush(() => make(), { intervalMs: false, name: 'orders' })
  await pool.query('select 1')
  await pool.$flush()
  const failing: (() => pg.Pool)[] = [
    () => new pg.Pool({ connectionString: url(`${password}!`) }),
    () => {
      throw new Error(`cannot reach ${url(password)}, nor postgres://visitor:${password}@elsewhere`)
    },
    () => {
      throw Object.assign(new Error('no', { cause: new Error(`password=${JSON.stringify(password)}`) }), { password })
    },
    () => {
      throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: `postgres://x:${password}` })
    },
  ]
  for (const failure of failing) {
    make = failure
    await expect(pool.$flush()).rejects.toMatchObject({ code: expect.stringMatching(/^(OPEN|CHECK)_FAILED$/) })
  }
  const told = [await collected.metrics(), spans.getFinishedSpans()].map((all) =>
    inspect(all, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null, maxArrayLength: null }),
  )
  for (const text of told) {
    expect(text).toContain('_FAILED')
    for (const spelling of [password, encodeURIComponent(password), JSON.stringify(password).slice(1, -1)]) {
      expect(text).not.toContain(spelling)
    }
    expect(text).not.toContain('S3cr')
  }
  end()
  await pool.end()
  await collected.provider.shutdown()
  await tracerProvider.shutdown()
})
