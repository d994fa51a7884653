import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { selfSigned } from '../../../test/certificate.ts'
import { withPeriodicFlush } from '../src/index.ts'

test('a socket of the user’s own that arrives after the cut is dropped', async () => {
  await using server = await startPostgres()
  const { hostname, port } = new URL(server.url())
  let arrive = () => {}
  const arriving = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const sockets: Socket[] = []
  const made = vi.fn(async () => {
    await arriving
    const socket = connect(Number(port), hostname)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  })
  const sql = withPeriodicFlush(() => postgres(server.url(), { socket: made } as never), { intervalMs: false })
  const waiting = codeOf(sql`select 1`)
  await vi.waitFor(() => expect(made).toHaveBeenCalled())
  await sql.$flusher.close({ deadlineMs: 0 })
  expect(await waiting).toBe('CUT')
  arrive()
  await vi.waitFor(() => expect(sockets).toMatchObject([{ destroyed: true }]))
  expect(await server.backends()).toEqual([])
})

test('a socket of the user’s own that arrives after its client was flushed away is dropped', async () => {
  await using server = await startPostgres()
  const { hostname, port } = new URL(server.url())
  const arrivals: (() => void)[] = []
  const sockets: Socket[] = []
  const made = async () => {
    await new Promise<void>((resolve) => arrivals.push(resolve))
    const socket = connect(Number(port), hostname)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
  const sql = withPeriodicFlush(() => postgres(server.url(), { socket: made } as never), {
    intervalMs: false,
    check: false,
  })
  const [waiting, listening] = [codeOf(sql`select 1`), codeOf(sql.listen('news', () => {}))]
  await vi.waitFor(() => expect(arrivals).toHaveLength(2))
  await sql.$flusher.flush({ wait: 'swapped' })
  // Of the fresh client there is one for the query, and one to listen.
  await vi.waitFor(() => expect(arrivals).toHaveLength(4))
  for (const arrive of arrivals.slice(2)) arrive()
  expect(await waiting).toBe('done')
  await listening
  await vi.waitFor(() => expect(sql.$flusher.stats()).toMatchObject({ retiring: [] }))
  for (const arrive of arrivals.slice(0, 2)) arrive()
  await vi.waitFor(() => expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false, true, true]))
  await sql.$flusher.close()
  await vi.waitFor(async () => expect(await server.backends()).toEqual([]))
})

// A new connection asks for the array types first. Where that query is made to fail, postgres.js has nobody catch it, and
// the process ends; so does it when ROLLBACK is written to a socket that is gone. The runner fails on either.

const now = { deadlineMs: 0, onDeadline: 'cut' } as const
const codeOf = (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(work).then(
    () => 'done',
    (error: { code?: unknown }) => error.code,
  )

describe.each([
  ['in the clear', false],
  ['over TLS', true],
])('%s, while a connection asks for the array types', (_, tls) => {
  let server: PostgresServer
  let locker: Sql
  let sql: ReturnType<typeof flushing>

  const ssl = tls ? ('require' as const) : false
  const flushing = () =>
    withPeriodicFlush(() => postgres(server.url(), { max: 4, ssl, onnotice: () => {} }), {
      intervalMs: false,
      check: false,
    })

  beforeAll(async () => {
    server = await startPostgres(tls ? { tls: await selfSigned('localhost') } : {})
  })
  beforeEach(() => {
    locker = postgres(server.url(), { max: 1, fetch_types: false, ssl })
    sql = flushing()
  })
  afterEach(async () => {
    await locker.end()
    await sql.$flusher.close({ deadlineMs: 0 })
    await server.killBackends()
  })
  afterAll(() => server.stop())

  /** From here on the query for types waits. */
  async function lock() {
    await locker.unsafe('begin')
    await locker.unsafe('lock table pg_catalog.pg_type in access exclusive mode')
  }

  async function asking(count: number) {
    const text = `select count(*)::int as n from pg_stat_activity
      where state = 'active' and query like '%typarray%' and pid <> pg_backend_pid()`
    for (;;) {
      await locker.unsafe('select pg_stat_clear_snapshot()')
      if ((await locker.unsafe(text))[0]?.['n'] === count) return
    }
  }

  test('a cut ends it, and a transaction on another connection too', async () => {
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    let begun = () => {}
    const beginning = new Promise<void>((resolve) => {
      begun = resolve
    })
    const inside: unknown[] = []
    const transaction = codeOf(
      sql.begin(async (tx) => {
        await tx`select 1`
        const held = tx.savepoint(async (inner) => {
          await inner`select 1`
          begun()
          await gate
          inside.push(await codeOf(inner`select 2`))
        })
        inside.push(await codeOf(held), await codeOf(tx.savepoint(() => 'never')))
        throw new Error('of the user')
      }),
    )
    await beginning
    // This one ends long after its connection is gone.
    const late = codeOf(
      sql.begin(async (tx) => {
        await tx`select 1`
        await gate
      }),
    )
    await vi.waitFor(async () =>
      expect((await server.backends()).map(({ state }) => state)).toEqual([
        'idle in transaction',
        'idle in transaction',
      ]),
    )
    await lock()
    const waiting = Promise.all([codeOf(sql`select 1`), codeOf(sql.reserve().then((one) => one.release()))])
    await asking(2)
    await sql.$flush(now)
    expect([await transaction, await late]).toEqual(['CUT', 'CUT'])
    await locker.unsafe('rollback')
    go()
    // It was not sent yet, and so it moved to the fresh client.
    expect(await waiting).toEqual(['done', 'done'])
    expect(await codeOf(sql`select 1`)).toBe('done')
    expect(inside.sort()).toEqual(['CUT', 'CUT', 'CUT'])
  })

  test('so does the end of the whole client, and whoever waits is told', async () => {
    await lock()
    const waiting = [codeOf(sql`select 1`), codeOf(sql.begin((tx) => tx`select 1`))]
    await asking(2)
    await sql.$flusher.close({ deadlineMs: 0 })
    expect(await Promise.all(waiting)).toEqual(['CUT', 'CUT'])
    await locker.unsafe('rollback')
  })

  test('a flush that nothing holds up closes the old client, and what the connection was for runs on the fresh one', async () => {
    await lock()
    const waiting = [codeOf(sql`select 1`), codeOf(sql`select 2`)]
    await asking(2)
    const flushed = sql.$flush({ deadlineMs: 60_000 })
    await new Promise((resolve) => setImmediate(resolve))
    await locker.unsafe('rollback')
    await expect(flushed).resolves.toMatchObject({ drained: true })
    expect(await Promise.all(waiting)).toEqual(['done', 'done'])
  })
})
