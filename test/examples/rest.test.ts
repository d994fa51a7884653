import type { FlusherStats, FlushReport } from '@periodic-flush/core'
import type { DatabaseServer } from '@periodic-flush/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../conformance/eventually.ts'
import { createTable, type Database, mariadb, postgres } from './database.ts'
import { Example, refused } from './example.ts'

interface Subject {
  readonly name: string
  readonly database: Database
  readonly table: string
  readonly migration: string
  /** Whether it migrates its database when it starts; else its README says how to. */
  readonly migrates: boolean
}

const subjects: Subject[] = [
  {
    name: 'prisma-fastify',
    database: postgres,
    table: 'Note',
    migration: 'prisma-fastify/prisma/migrations/0001_notes/migration.sql',
    migrates: false,
  },
  {
    name: 'drizzle-hono',
    database: postgres,
    table: 'notes',
    migration: 'drizzle-hono/drizzle/0000_notes.sql',
    migrates: true,
  },
  {
    name: 'drizzle-mysql',
    database: mariadb,
    table: 'notes',
    migration: 'drizzle-mysql/drizzle/0000_notes.sql',
    migrates: true,
  },
]

const json = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

async function answer<T>(url: string): Promise<T> {
  const response = await fetch(url)
  return (await response.json()) as T
}

/** Asks for `url` again and again, one request after the other, until told to end; gives every status that it got. */
function keepAsking(url: string) {
  const statuses = new Set<number>()
  let asking = true
  const asked = (async () => {
    while (asking) {
      const response = await fetch(url)
      await response.text()
      statuses.add(response.status)
    }
  })()
  return async () => {
    asking = false
    await asked
    return [...statuses]
  }
}

/** Lets a visitor in with a password; the function returned changes that. */
async function admit(server: DatabaseServer, password: string): Promise<(password: string) => Promise<unknown>> {
  if (server.url().startsWith('postgres:')) {
    await server.query(`drop role if exists visitor`)
    await server.query(`create role visitor login superuser password '${password}'`)
    return (next) => server.query(`alter role visitor password '${next}'`)
  }
  await server.query(`create or replace user visitor@'%' identified by '${password}'`)
  await server.query(`grant all on *.* to visitor@'%'`)
  return (next) => server.query(`alter user visitor@'%' identified by '${next}'`)
}

describe.each(subjects.filter(({ database }) => database.installed))('examples/$name', (subject) => {
  const { name, database, table, migration, migrates } = subject
  let server: DatabaseServer

  beforeAll(async () => {
    server = await database.start()
    if (!migrates) await createTable(server, migration)
  })

  afterAll(() => server?.stop())

  test('runs on a server of its own, and does what a REST API of notes does', async () => {
    await using app = new Example(name, {})
    const notes = `${await app.says(/API on ([^"\s]+)/)}/notes`

    const created = await fetch(notes, json('POST', { text: 'one' }))
    expect([created.status, await created.json()]).toEqual([201, { id: 1, text: 'one' }])
    const changed = await fetch(`${notes}/1`, json('PUT', { text: 'two' }))
    expect([changed.status, await changed.json()]).toEqual([200, { id: 1, text: 'two' }])
    expect(await answer(`${notes}/1`)).toEqual({ id: 1, text: 'two' })
    expect(await answer(notes)).toEqual([{ id: 1, text: 'two' }])
    expect((await fetch(`${notes}/1`, { method: 'DELETE' })).status).toBe(204)
    expect(await answer(notes)).toEqual([])

    expect((await fetch(notes, json('POST', { txt: 'no text' }))).status).toBe(400)
    expect((await fetch(`${notes}/1`)).status).toBe(404)
    expect((await fetch(`${notes}/1`, json('PUT', { text: 'three' }))).status).toBe(404)
    expect((await fetch(`${notes}/1`, { method: 'DELETE' })).status).toBe(404)

    app.terminate()
    expect(await app.ended()).toBe(0)
  })

  test('answers every request while its administrator flushes', async () => {
    await using app = new Example(name, { DATABASE_URL: server.url() })
    const api = await app.says(/API on ([^"\s]+)/)
    const admin = await app.says(/Admin on ([^"\s]+)/)
    const stats = () => answer<FlusherStats>(`${api}/health`)
    // The first timed flush comes at a random moment, so another one may be among these.
    let { generation = 0 } = await stats()
    const before = (await server.backends()).map(({ pid }) => pid)
    expect([generation > 0, before.length > 0]).toEqual([true, true])

    const stop = [1, 2, 3].map(() => keepAsking(`${api}/notes`))
    for (const _ of [1, 2, 3]) {
      const flushed = await fetch(`${admin}/flush`, { method: 'POST' })
      const [flush] = (await flushed.json()) as [{ status: string; report: FlushReport }]
      expect([flushed.status, flush.status]).toEqual([200, 'flushed'])
      expect(flush.report.generation).toBeGreaterThan(generation)
      generation = flush.report.generation
    }
    expect(await Promise.all(stop.map((end) => end()))).toEqual([[200], [200], [200]])
    const after = await stats()
    expect([after.generation === generation || after.flushes > 3, after.failures]).toEqual([true, 0])
    await eventually(
      () => server.backends(),
      (backends) => backends.every(({ pid }) => !before.includes(pid)),
    )
  })

  test('keeps the administrator on loopback, wherever its API listens', async () => {
    await using app = new Example(name, { DATABASE_URL: server.url(), HOST: '0.0.0.0' })
    const api = await app.says(/API on ([^"\s]+)/)
    const admin = await app.says(/Admin on ([^"\s]+)/)
    expect(await Promise.all([api, admin].map((url) => refused(url, '127.0.0.1')))).toEqual([false, false])
    expect(await Promise.all([api, admin].map((url) => refused(url, '127.0.0.2')))).toEqual([false, true])
  })

  test('lets no page in a browser on this machine be its administrator', async () => {
    await using app = new Example(name, { DATABASE_URL: server.url() })
    const admin = await app.says(/Admin on ([^"\s]+)/)
    for (const origin of ['http://elsewhere.example', 'null', admin]) {
      expect((await fetch(`${admin}/flush`, { method: 'POST', headers: { origin } })).status).toBe(403)
    }
    expect((await fetch(`${admin}/flush`)).status).toBe(404)
    expect((await fetch(`${admin}/flush`, { method: 'POST' })).status).toBe(200)
  })

  test('tells no password, in answers or on its terminal, whether it can connect or not', async () => {
    const password = `S3cr-"@:/?#t`
    const change = await admit(server, password)
    const url = new URL(server.url())
    url.username = 'visitor'
    url.password = encodeURIComponent(password)
    await using app = new Example(name, { DATABASE_URL: url.href })
    const api = await app.says(/API on ([^"\s]+)/)
    const admin = await app.says(/Admin on ([^"\s]+)/)
    const told: string[] = []
    const ask = async (at: string, init?: RequestInit) => {
      const response = await fetch(at, init)
      told.push(await response.text(), JSON.stringify([...response.headers]))
      return response.status
    }
    expect(await ask(`${api}/health`)).toBe(200)
    expect(await ask(`${admin}/flush`, { method: 'POST' })).toBe(200)
    await change('another')
    expect(await ask(`${admin}/flush`, { method: 'POST' })).toBe(503)
    await server.killBackends()
    // The connections that are gone may fail a request each.
    await eventually(
      () => ask(`${api}/health`),
      (status) => status === 500,
    )
    expect(await ask(`${api}/notes`)).toBe(500)
    told.push(app.output)
    for (const text of told) {
      for (const secret of [password, encodeURIComponent(password), 'S3cr']) expect(text).not.toContain(secret)
    }
  })

  test('follows its server’s name by itself, and answers every request meanwhile', async () => {
    await using pair = await database.startPair()
    const { blue, green } = pair
    if (!migrates) await createTable(blue, migration)
    await createTable(green, migration)
    const url = pair.url()
    await using app = new Example(name, { DATABASE_URL: url }, { name: new URL(url).hostname, address: blue.host })
    const api = await app.says(/API on ([^"\s]+)/)
    const notes = () => answer<object[]>(`${api}/notes`)
    await fetch(`${api}/notes`, json('POST', { text: 'on blue' }))
    expect(await notes()).toEqual([{ id: 1, text: 'on blue' }])

    const stop = keepAsking(`${api}/notes`)
    app.moveTo(green.host)
    expect(await eventually(notes, (found) => found.length === 0)).toEqual([])
    expect(await stop()).toEqual([200])
    await eventually(
      () => blue.backends(),
      (left) => left.length === 0,
    )
  })

  test('answers what is in flight when it is told to end, and ends by itself', async () => {
    await using app = new Example(name, { DATABASE_URL: server.url() })
    const api = await app.says(/API on ([^"\s]+)/)
    let posted: Promise<Response>
    {
      await using _lock = await database.lock(server.url(), table)
      posted = fetch(`${api}/notes`, json('POST', { text: 'in flight' }))
      await eventually(
        () => server.backends(),
        (backends) => backends.some(({ state, query }) => state !== 'idle' && /^insert/i.test(query)),
      )
      app.terminate()
      await eventually(() => refused(api), Boolean)
    }
    const created = await posted
    expect([created.status, await created.json()]).toMatchObject([201, { text: 'in flight' }])
    expect(await app.ended()).toBe(0)
    await eventually(
      () => server.backends(),
      (backends) => backends.length === 0,
    )
    // As long as Kubernetes waits before it kills.
  }, 30_000)
})
