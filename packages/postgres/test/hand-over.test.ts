import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FlusherEvents, Options } from '@periodic-flush/core'
import { type Gate, gate, type PostgresServer, startPostgres, startPostgresStandby } from '@periodic-flush/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { withPeriodicFlush } from '../src/index.ts'

// What may come in between while `listen` is handed over from one connection to the next.

let server: PostgresServer
const made: { $flusher: { close(options: { deadlineMs: number }): Promise<void> } }[] = []

/** However slow the machine is. */
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })
const swapped = { wait: 'swapped' } as const

beforeAll(async () => {
  server = await startPostgres()
})
afterEach(async () => {
  await Promise.all(made.splice(0).map((sql) => sql.$flusher.close({ deadlineMs: 0 })))
})
afterAll(() => server.stop())

interface Setting extends Options<Sql> {
  /** Where the next client connects to. */
  readonly url?: () => string
  readonly onOpen?: () => void
  readonly debug?: (id: number, query: string) => void
}

function flushing({ url = () => server.url(), onOpen = () => {}, debug, ...options }: Setting = {}) {
  const factory = (): Sql => {
    onOpen()
    return postgres(url(), { max: 1, onnotice: () => {}, backoff: () => 0.01, ...(debug && { debug }) })
  }
  const sql = withPeriodicFlush(factory, { intervalMs: false, check: false, deadlineMs: 60_000, ...options })
  made.push(sql)
  const [gaps, failures]: [FlusherEvents['listen-gap'][], FlusherEvents['failed'][]] = [[], []]
  sql.$flusher.on('listen-gap', (gap) => gaps.push(gap))
  sql.$flusher.on('failed', (failure) => failures.push(failure))
  return { sql, gaps, failures }
}

const behind = ({ host, port }: Gate) => server.url().replace(/@[^/]+/, `@${host}:${port}`)
/** Somebody else notifies. */
const notify = (channel: string, payload: string) => server.query('select pg_notify($1, $2)', [channel, payload])
const listening = async () => (await server.backends()).filter(({ query }) => /^(listen|notify|unlisten)/.test(query))
/** Does it so many microtasks from now; at once if that is none. */
const after = <T>(count: number, act: () => Promise<T>): Promise<T> =>
  count === 0 ? act() : new Promise((resolve) => queueMicrotask(() => resolve(after(count - 1, act))))

describe('in whichever step of a hand-over', () => {
  /** Flushes, and acts so many steps after the swap; resolves once both are done. */
  async function atSwap(sql: ReturnType<typeof flushing>['sql'], count: number, act: () => Promise<unknown>) {
    let acted: Promise<unknown> | undefined
    const off = sql.$flusher.on('swap', () => {
      acted = after(count, act)
    })
    await sql.$flush()
    off()
    await acted
  }

  test('a channel is added, it is heard by the time its listen has resolved', async () => {
    const { sql, gaps } = flushing()
    await sql.listen('kept', () => {})
    for (let round = 0; round < 20; round += 1) {
      const heard: string[] = []
      await atSwap(sql, round, () => sql.listen(`added ${round}`, (payload) => heard.push(payload)))
      await notify(`added ${round}`, 'hello')
      await eventually(() => expect(heard, `${round} steps after the swap`).toEqual(['hello']))
    }
    expect(gaps).toEqual([])
  })

  test('a channel is given up, no connection listens to it any more', async () => {
    const asked = new Map<number, string[]>()
    const { sql } = flushing({ debug: (id, query) => asked.set(id, [...(asked.get(id) ?? []), query]) })
    await sql.listen('kept', () => {})
    for (let round = 0; round < 20; round += 1) {
      const { unlisten } = await sql.listen('removed', () => {})
      await atSwap(sql, round, unlisten)
      const ofTheLast = [...asked.values()].findLast((queries) => queries.includes('listen "kept"')) ?? []
      const last = ofTheLast.findLast((query) => query.includes('"removed"'))
      expect(last ?? 'unlisten "removed"', `${round} steps after the swap`).toBe('unlisten "removed"')
    }
  })
})

test('a listen that begins in whichever step of a flush ends up on the client that serves', async () => {
  for (let round = 0; round < 30; round += 1) {
    const heard: string[] = []
    let listened: Promise<unknown> | undefined
    let opened = 0
    const { sql } = flushing({
      onOpen: () => {
        opened += 1
        if (opened < 2) return
        listened = after(round, () => sql.listen('news', (payload) => heard.push(payload)))
      },
    })
    await sql`select 1`
    await sql.$flush(swapped)
    await listened
    await eventually(() =>
      expect(sql.$flusher.stats(), `${round} steps after the factory`).toMatchObject({ leases: 1, retiring: [] }),
    )
    await notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    await sql.$flusher.close()
  }
})

describe('during a hand-over that waits for the fresh connection', () => {
  async function handingOver() {
    const entrance = await gate(server)
    const { sql, gaps, failures } = flushing({ url: () => behind(entrance), checkTimeoutMs: 60_000 })
    const heard: string[] = []
    const onlisten = vi.fn()
    const listen = (channel = 'news') => sql.listen(channel, (payload) => heard.push(payload), onlisten)
    const listened = await listen()
    await entrance.hang()
    const report = await sql.$flush(swapped)
    await eventually(() => expect(entrance.connections).toBe(2))
    return { entrance, sql, gaps, failures, heard, onlisten, listen, listened, report }
  }

  test('the fresh client is cut: the next one takes over, and nothing is missed', async () => {
    const { entrance, sql, gaps, heard, onlisten } = await handingOver()
    await entrance.accept()
    await sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [] }))
    await notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    expect(gaps).toEqual([])
    expect(onlisten).toHaveBeenCalledTimes(1)
    await entrance.close()
  })

  test('everybody stops listening: the next flush finds nothing to hand over', async () => {
    const { entrance, sql, listened } = await handingOver()
    const gone = listened.unlisten()
    await entrance.accept()
    await entrance.reset()
    await gone.catch(() => {})
    await sql.$flush(swapped)
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] }))
    await entrance.close()
  })

  test('the client is closed: whoever waits to listen is told', async () => {
    const { entrance, sql, listen } = await handingOver()
    // The old one would answer.
    await entrance.stall()
    const waiting = listen('added').catch(({ code }) => code)
    await new Promise((resolve) => setImmediate(resolve))
    await sql.$flusher.close()
    expect(await waiting).toMatch(/CONNECTION_(ENDED|DESTROYED)/)
    await entrance.close()
  })
})

describe('between the two ends of the fence', () => {
  /** The old connection is silent, the fresh one has come to the fence. */
  async function parting(checkTimeoutMs: number, deadlineMs = 60_000) {
    const entrance = await gate(server)
    const { sql, gaps } = flushing({ url: () => behind(entrance), checkTimeoutMs })
    const heard: string[] = []
    const onlisten = vi.fn()
    await sql.listen('news', (payload) => heard.push(payload), onlisten)
    await entrance.stall()
    await sql.$flush({ ...swapped, deadlineMs, onDeadline: 'cut' })
    const fresh = await eventually(async () => {
      const [backend] = (await listening()).filter(({ query }) => /^notify/.test(query))
      if (backend === undefined) throw new Error('not yet')
      return backend
    })
    return { entrance, sql, gaps, heard, onlisten, pid: fresh.pid }
  }

  test('what the fresh connection hears waits for the old one, and comes after what that has heard', async () => {
    const { entrance, gaps, heard, onlisten } = await parting(60_000)
    await notify('news', 'after')
    await notify('news', 'later')
    await entrance.resume()
    await eventually(() => expect(heard).toEqual(['after', 'later']))
    expect(gaps).toEqual([])
    expect(onlisten).toHaveBeenCalledTimes(1)
    await entrance.close()
  })

  test('the old connection is cut: the fresh one goes on at once with what it has heard', async () => {
    const { entrance, gaps, heard, onlisten } = await parting(60_000, 2_000)
    await notify('news', 'after')
    await eventually(() => expect(heard).toEqual(['after']))
    await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
    expect(gaps).toHaveLength(1)
    await entrance.close()
  })

  test('the client is closed: nothing is left, and whoever asks later is told so', async () => {
    const { entrance, sql, gaps, heard } = await parting(60_000)
    await sql.$flusher.close()
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, retiring: [] })
    await expect(sql.listen('news', () => {})).rejects.toMatchObject({ code: 'CLOSED' })
    await entrance.close()
    await eventually(async () => expect(await listening()).toEqual([]))
    expect([gaps, heard]).toEqual([[], []])
  })

  test('the fresh connection is lost, and the old one comes to the fence after all: what nobody heard is told of', async () => {
    const { entrance, gaps, heard, onlisten, pid } = await parting(60_000)
    await server.query('select pg_terminate_backend($1)', [pid])
    await notify('news', 'unheard')
    await eventually(async () =>
      expect((await listening()).filter(({ query }) => /^listen "news"/.test(query))).toHaveLength(2),
    )
    await entrance.resume()
    await eventually(() => expect(gaps.length).toBeGreaterThan(0))
    await eventually(() => expect(onlisten.mock.calls.length).toBeGreaterThan(1))
    await notify('news', 'hello')
    await eventually(() => expect(heard.at(-1)).toBe('hello'))
    await entrance.close()
  })

  test('the fresh connection is lost: it listens anew, and tells of it', async () => {
    const { entrance, sql, gaps, heard, onlisten, pid } = await parting(1_000)
    await server.query('select pg_terminate_backend($1)', [pid])
    await eventually(() => expect(gaps.length).toBeGreaterThan(0))
    await eventually(() => expect(onlisten.mock.calls.length).toBeGreaterThan(1))
    await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [] }))
    await notify('news', 'hello')
    await eventually(() => expect(heard).toEqual(['hello']))
    await entrance.close()
  })
})

test('where the old connection is lost and the fresh server refuses to listen, that is told; the next flush listens', async () => {
  await using primary = await startPostgres()
  await using standby = await startPostgresStandby(primary)
  await using entrance = await gate(primary)
  let url = primary.url().replace(/@[^/]+/, `@${entrance.host}:${entrance.port}`)
  const { sql, gaps, failures } = flushing({ url: () => url, checkTimeoutMs: 1_000 })
  const heard: string[] = []
  const onlisten = vi.fn()
  await sql.listen('news', (payload) => heard.push(payload), onlisten)
  await entrance.refuse()
  await entrance.reset()
  url = standby.url()
  await sql.$flush()
  await eventually(() => expect(failures).toMatchObject([{ step: 'listen', error: { code: '25006' } }]))
  await standby.promote()
  await sql.$flush()
  await eventually(() => expect(onlisten).toHaveBeenCalledTimes(2))
  await standby.query("select pg_notify('news', 'hello')")
  await eventually(() => expect(heard).toEqual(['hello']))
  expect(gaps).toEqual([{ name: 'postgres', channels: ['news'] }])
  await sql.$flusher.close()
})

test('a swap that comes before the first connection listens waits for that: no fence passes it by', async () => {
  const slow: Socket[] = []
  let opened = 0
  const socket = (paused: boolean) => async () => {
    const made = connect({ host: server.host, port: server.port })
    if (paused) slow.push(made.pause())
    await once(made, 'connect')
    return made
  }
  const factory = (): Sql => {
    opened += 1
    // Its types do not tell of it.
    const own = { socket: socket(opened === 1) } as object
    return postgres(server.url(), { max: 1, onnotice: () => {}, ...own })
  }
  const sql = withPeriodicFlush(factory, { intervalMs: false, check: false, checkTimeoutMs: 600_000 })
  made.push(sql)
  const gaps: unknown[] = []
  sql.$flusher.on('listen-gap', (gap) => gaps.push(gap))
  const heard: string[] = []
  const onlisten = vi.fn()
  const listened = sql.listen('news', (payload) => heard.push(payload), onlisten)
  await eventually(() => expect(slow).toHaveLength(1))
  await sql.$flush(swapped)
  await eventually(async () => expect(await listening()).toHaveLength(1))
  for (const each of slow) each.resume()
  await listened
  await eventually(() => expect(sql.$flusher.stats()).toMatchObject({ leases: 1, retiring: [] }))
  await notify('news', 'hello')
  await eventually(() => expect(heard).toEqual(['hello']))
  expect(gaps).toEqual([])
  expect(onlisten).toHaveBeenCalledTimes(1)
})

test('a swap in the very step of a listen calls its onlisten once, and tells of no gap', async () => {
  const { sql, gaps } = flushing()
  await sql`select 1`
  const onlisten = vi.fn()
  for (let round = 0; round < 20; round += 1) {
    const flushed = sql.$flush(swapped)
    const listened = after(round, () => sql.listen('news', () => {}, onlisten))
    await flushed
    const { unlisten } = await listened
    expect(onlisten, `${round} steps after the flush was asked for`).toHaveBeenCalledTimes(round + 1)
    await unlisten()
  }
  expect(gaps).toEqual([])
})
