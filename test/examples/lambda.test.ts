import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../conformance/eventually.ts'
import { createTable, postgres } from './database.ts'
import { Example, refused } from './example.ts'

const add = { method: 'POST', body: '{"text":"a note"}' }

/** Resolves once the process is frozen. */
const frozen = (pid: string) =>
  eventually(
    async () => (await promisify(execFile)('ps', ['-o', 'state=', '-p', pid])).stdout,
    (state) => state.startsWith('T'),
  )

describe('examples/lambda', () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
    await createTable(server, 'lambda/schema.sql')
  })

  afterAll(() => server?.stop())

  test('runs on a server of its own, and keeps its client from one request to the next', async () => {
    await using app = new Example('lambda', {})
    const api = await app.says(/API on ([^",\s]+)/)
    const created = await fetch(`${api}/notes`, add)
    expect([created.status, await created.json()]).toEqual([201, { id: 1, text: 'a note' }])
    await frozen(await app.says(/process (\d+)/))
    expect(await (await fetch(`${api}/notes`)).json()).toEqual([{ id: 1, text: 'a note' }])
    expect(await (await fetch(`${api}/health`)).json()).toMatchObject({ generation: 1, connections: 1, flushes: 0 })
    expect((await fetch(`${api}/notes`, { method: 'POST', body: '{' })).status).toBe(502)
    expect((await fetch(`${api}/elsewhere`)).status).toBe(404)
    app.terminate()
    expect(await app.ended()).toBe(0)
  })

  test('flushes before it asks, where its client is too old when it wakes up', async () => {
    await using app = new Example('lambda', { DATABASE_URL: server.url(), MAX_AGE_MS: '1' })
    const api = await app.says(/API on ([^",\s]+)/)
    expect((await fetch(`${api}/notes`, add)).status).toBe(201)
    await frozen(await app.says(/process (\d+)/))
    expect(await server.killBackends()).toBe(1)

    expect((await fetch(`${api}/notes`)).status).toBe(200)
    expect(await app.says(/generation 2 serves: (.*)/)).toBe('max-age')
  })

  test('answers what is in flight when it is told to end, and ends by itself', async () => {
    await using app = new Example('lambda', { DATABASE_URL: server.url() })
    const api = await app.says(/API on ([^",\s]+)/)
    let posted: Promise<Response>
    {
      await using _lock = await postgres.lock(server.url(), 'notes')
      posted = fetch(`${api}/notes`, add)
      await eventually(
        () => server.backends(),
        (backends) => backends.some(({ state, query }) => state === 'active' && query.startsWith('insert')),
      )
      app.terminate()
      await eventually(() => refused(api), Boolean)
    }
    expect((await posted).status).toBe(201)
    expect(await app.ended()).toBe(0)
    await eventually(
      () => server.backends(),
      (backends) => backends.length === 0,
    )
  })
})
