import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gate, type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type ISql, type Options, type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type FlushingSql, withPeriodicFlush } from '../src/index.ts'

let server: PostgresServer
const made: { $flusher: { close(options: { deadlineMs: number }): Promise<void> } }[] = []
const path = join(tmpdir(), `${randomUUID()}.sql`)

beforeAll(async () => {
  server = await startPostgres({ settings: { wal_level: 'logical', max_prepared_transactions: '5' } })
  await server.query('create table people (id int, full_name text, tags text[], extra jsonb)')
  await writeFile(path, 'select $1::int as a')
})
afterEach(async () => {
  await Promise.all(made.splice(0).map((sql) => sql.$flusher.close({ deadlineMs: 0 })))
  await server.query('truncate people')
})
afterAll(async () => {
  await server.stop()
  await rm(path)
})

const types = {
  point: {
    to: 600,
    from: [600],
    serialize: ({ x, y }: { x: number; y: number }) => `(${x},${y})`,
    parse: (text: string) => {
      const [x, y] = text.slice(1, -1).split(',').map(Number)
      return { x: x ?? 0, y: y ?? 0 }
    },
  },
}
interface Custom extends Record<string, unknown> {
  readonly point: { x: number; y: number }
}

/** A client that is flushed every 50 ms for as long as the test runs. */
function flushing(settings: Options<typeof types> = {}): FlushingSql<Custom> {
  const client = (): Sql<Custom> =>
    postgres(server.url(), { max: 3, onnotice: () => {}, types, ...settings }) as unknown as Sql<Custom>
  const sql = withPeriodicFlush(client, { intervalMs: 50, jitter: 0 })
  made.push(sql)
  return sql
}

const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

/** What may be asked of a client, of a transaction and of a reserved connection alike; `flush` comes in the middle. */
const members: Record<string, (sql: ISql<Custom>, flush: () => Promise<unknown>) => Promise<void>> = {
  async 'a tagged template'(sql, flush) {
    const query = sql`select ${1}::int as a, ${'x'} as b`
    await flush()
    expect([...(await query)]).toEqual([{ a: 1, b: 'x' }])
  },
  async 'fragments and identifiers'(sql, flush) {
    const where = sql`where ${sql('n')} > ${1}`
    const query = sql`select ${sql(['n'])} from (values (1), (2)) as ${sql('v')} (n) ${where} ${sql``}`
    await flush()
    expect([...(await query)]).toEqual([{ n: 2 }])
  },
  async 'dynamic inserts, updates and in'(sql, flush) {
    const insert = sql`insert into people ${sql(
      [
        { id: 1, full_name: 'Ada' },
        { id: 2, full_name: 'Bob' },
      ],
      'id',
      'full_name',
    )} returning id`
    await flush()
    expect([...(await insert)]).toEqual([{ id: 1 }, { id: 2 }])
    const update = sql`update people set ${sql({ full_name: 'Eve' })} where id in ${sql([2, 3])} returning *`
    await flush()
    expect(await update).toMatchObject([{ id: 2, full_name: 'Eve' }])
    expect((await sql`delete from people`).count).toBe(2)
  },
  async unsafe(sql, flush) {
    const one = sql.unsafe('select $1::int as a', [1], { prepare: true })
    const many = sql.unsafe('select 1 as a; select 2 as b')
    await flush()
    expect([...(await one)]).toEqual([{ a: 1 }])
    expect(await many).toMatchObject([[{ a: 1 }], [{ b: 2 }]])
  },
  async file(sql, flush) {
    const query = sql.file(path, [3])
    await flush()
    expect([...(await query)]).toEqual([{ a: 3 }])
  },
  async 'values, raw, simple, execute'(sql, flush) {
    const values = sql`select 1 as a`.values()
    const raw = sql`select 1 as a`.raw()
    const simple = sql`select 1 as a`.simple()
    const executed = sql`select 1 as a`.execute()
    await flush()
    expect([...(await values)]).toEqual([[1]])
    expect((await raw)[0]?.[0]?.toString()).toBe('1')
    expect([...(await simple)]).toEqual([{ a: 1 }])
    expect([...(await executed)]).toEqual([{ a: 1 }])
  },
  async describe(sql, flush) {
    const query = sql`select ${1}::int as a`.describe()
    await flush()
    expect(await query).toMatchObject({ types: [23], columns: [{ name: 'a', type: 23 }] })
  },
  async 'what a result tells beside its rows'(sql) {
    const result = await sql`select 1 as a`
    expect(result).toMatchObject({ count: 1, command: 'SELECT', columns: [{ name: 'a', type: 23 }] })
    expect(result.statement.string).toBe('select 1 as a')
    expect(result.state.pid).toBeGreaterThan(0)
  },
  async 'cursor and forEach'(sql, flush) {
    const seen: unknown[] = []
    for await (const rows of sql`select generate_series(1, 5) as n`.cursor(2)) {
      seen.push(rows.map(({ n }) => n))
      await flush()
    }
    expect(seen).toEqual([[1, 2], [3, 4], [5]])
    const each: unknown[] = []
    await sql`select generate_series(1, 3) as n`.forEach(({ n }) => {
      each.push(n)
    })
    expect(each).toEqual([1, 2, 3])
    expect(() => (sql`select 1` as never as { stream(): void }).stream()).toThrow('renamed to .forEach')
  },
  async 'readable and writable'(sql, flush) {
    const into = await sql`copy people (id) from stdin`.writable()
    await flush()
    await new Promise((resolve) => into.end('7\n', () => resolve(undefined)))
    let text = ''
    for await (const chunk of await sql`copy (select 7) to stdout`.readable()) text += chunk
    expect(text).toBe('7\n')
  },
  async 'array, json, typed and types'(sql, flush) {
    const array = sql.array([1, 2, 3])
    const words = sql.array(['a', 'b,"c'])
    const json = sql.json({ deep: [1, null] })
    const [typed, point, typesPoint] = [
      sql.typed('5', 23),
      sql.typed.point({ x: 1, y: 2 }),
      sql.types.point({ x: 3, y: 4 }),
    ]
    await flush()
    const query = sql`select ${array}::int[] as a, ${words} as w, ${json} as j, ${typed} as t, ${point} as p, ${typesPoint} as q`
    await flush()
    expect([...(await query)]).toEqual([
      { a: [1, 2, 3], w: ['a', 'b,"c'], j: { deep: [1, null] }, t: 5, p: { x: 1, y: 2 }, q: { x: 3, y: 4 } },
    ])
  },
  async notify(sql, flush) {
    await flush()
    expect((await sql.notify('nobody', 'hears')).command).toBe('SELECT')
  },
  async 'an error of the server, which stays as it is'(sql) {
    const error = await sql`select ${1}::int as a from nowhere`.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(postgres().PostgresError)
    expect(error).toMatchObject({ name: 'PostgresError', code: '42P01', severity: 'ERROR', position: '26' })
    expect((error as { query: string }).query).toBe('select $1::int as a from nowhere')
  },
}

describe.each(Object.entries(members))('%s', (name, use) => {
  const failing = name.startsWith('an error')

  test('of the client, flushed every 50 ms and in the middle', async () => {
    const sql = flushing()
    for (let round = 0; round < 5; round += 1) await use(sql, () => sql.$flush({ wait: 'swapped' }))
    expect(sql.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0 })
  })

  test('of a transaction and its savepoint', async () => {
    const sql = flushing()
    const flush = () => sql.$flush({ wait: 'swapped' })
    const begun = sql.begin(async (tx) => {
      await flush()
      await tx.savepoint((inner) => (failing ? undefined : use(inner, flush)))
      await use(tx, flush)
    })
    if (failing) await expect(begun).rejects.toMatchObject({ code: '42P01' })
    else await begun
    expect(sql.$flusher.stats().leases).toBe(0)
  })

  test('of a reserved connection', async () => {
    const sql = flushing()
    const reserved = await sql.reserve()
    try {
      await use(reserved, () => sql.$flush({ wait: 'swapped' }))
    } finally {
      reserved.release()
    }
    expect(sql.$flusher.stats().leases).toBe(0)
  })
})

describe('members of the client alone', () => {
  test('begin: its options, an array of queries, named savepoints, a rollback, prepare', async () => {
    const sql = flushing()
    await expect(sql.begin('read only', (tx) => tx`insert into people (id) values (1)`)).rejects.toMatchObject({
      code: '25006',
    })
    expect(await sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as a`])).toMatchObject([[{ a: 1 }], [{ a: 2 }]])
    const result = await sql.begin(async (tx) => {
      await tx`insert into people (id) values (1)`
      await sql.$flush({ wait: 'swapped' })
      const undone = tx.savepoint('named', async (inner) => {
        await inner`insert into people (id) values (2)`
        throw new Error('undone')
      })
      await expect(undone).rejects.toThrow('undone')
      return (await tx`select id from people`).map(({ id }) => id)
    })
    expect(result).toEqual([1])
    await expect(sql.begin((tx) => [tx`delete from people`, tx`select * from nowhere`])).rejects.toMatchObject({
      code: '42P01',
    })
    expect(await sql`select id from people`).toMatchObject([{ id: 1 }])
    await sql.begin(async (tx) => {
      await tx`insert into people (id) values (9)`
      await sql.$flush({ wait: 'swapped' })
      await tx.prepare('later')
    })
    await sql`commit prepared ${sql.unsafe("'later'")}`
    expect(await sql`select id from people where id = 9`).toMatchObject([{ id: 9 }])
    await expect(sql`begin`).rejects.toMatchObject({ code: 'UNSAFE_TRANSACTION' })
  })

  test('cancel: of what has not begun, waits behind another, or runs', async () => {
    const sql = flushing({ max: 1 })
    const running = sql`select pg_sleep(57)`.execute()
    const behind = sql`select pg_sleep(57)`.execute()
    const outcomes = Promise.allSettled([running, behind])
    const active = async () =>
      (await server.backends()).filter(({ query, state }) => /pg_sleep\(57\)/.test(query) && state === 'active')
    await eventually(async () => expect(await active()).toHaveLength(1))
    behind.cancel()
    running.cancel()
    expect(await outcomes).toMatchObject([{ reason: { code: '57014' } }, { reason: { code: '57014' } }])
    const lazy = sql`select 1`
    lazy.cancel()
    await expect(lazy).rejects.toMatchObject({ code: '57014' })
  })

  test('parameters, options, CLOSE, END, PostgresError', async () => {
    const sql = flushing()
    await sql`select 1`
    const { options } = sql
    for (let round = 0; round < 3; round += 1) {
      expect(sql.parameters).toMatchObject({ client_encoding: 'UTF8' })
      expect(sql.options).toBe(options)
      expect(sql.options).toMatchObject({ max: 3, database: 'postgres', user: 'postgres' })
      await sql.$flush()
    }
    expect(sql.END).toBe(sql.CLOSE)
    expect(await sql`select * from nowhere`.catch((error: unknown) => error)).toBeInstanceOf(sql.PostgresError)
  })

  test('transforms hold for every later client', async () => {
    const sql = flushing({ transform: { ...postgres.camel, undefined: null } })
    for (let round = 0; round < 3; round += 1) {
      await sql`insert into people ${sql({ id: round, fullName: undefined } as never)}`
      expect([...(await sql`select id, full_name from people where id = ${round}`)]).toEqual([
        { id: round, fullName: null },
      ])
      await sql.$flush()
    }
  })

  test('debug, onnotice, onparameter and onclose are called for every client', async () => {
    const [debug, onnotice, onparameter, onclose] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()]
    const sql = flushing({ debug, onnotice, onparameter, onclose })
    for (let round = 0; round < 3; round += 1) {
      await sql.unsafe(`do $$ begin raise notice 'round ${round}'; end $$`)
      expect(onnotice.mock.calls.map(([{ message }]) => message)).toContain(`round ${round}`)
      expect(debug.mock.calls.map(([, query]) => query).filter((query) => /round/.test(query))).toHaveLength(round + 1)
      onparameter.mockClear()
      await sql.$flush()
      expect(onparameter.mock.calls.map(([key]) => key)).toContain('client_encoding')
    }
    expect(onclose.mock.calls.length).toBeGreaterThan(2)
  })

  test('close lets go of idle connections and leaves the client usable, as natively', async () => {
    const sql = flushing()
    sql.$flusher.pause()
    await Promise.all([sql`select pg_sleep(0.01)`, sql`select pg_sleep(0.01)`])
    const close = (sql as never as { close(): Promise<void> }).close
    const reserved = await sql.reserve()
    await close()
    expect(await server.backends()).toHaveLength(1)
    await expect(reserved`select 2 as a`).resolves.toMatchObject([{ a: 2 }])
    reserved.release()
    await close()
    expect(await server.backends()).toEqual([])
    await Promise.all([sql`select 1`, sql`select 1`, sql`select 1`, sql`select 1`])
    await sql.end()
    await eventually(async () => expect(await server.backends()).toEqual([]))
  })

  test('subscribe goes on over flushes on a client of its own, and ends with the client', async () => {
    await server.query('create publication alltables for all tables')
    await server.query('alter table people replica identity full')
    const sql = flushing()
    const seen: unknown[] = []
    const { unsubscribe } = await sql.subscribe('insert:people', (row) => seen.push(row?.['id']))
    for (let id = 0; id < 5; id += 1) {
      await sql`insert into people (id) values (${id})`
      await sql.$flush()
    }
    await eventually(() => expect(seen).toEqual([0, 1, 2, 3, 4]))
    unsubscribe()
    await sql.$flusher.close()
    await eventually(async () => expect(await server.backends()).toEqual([]))
  })

  test('subscribe uses the parsers that were written on the facade, and close leaves no socket of it', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
    const before = sockets()
    const sql = flushing()
    sql.options.parsers[23] = (text: string) => `int ${text}`
    const seen: unknown[] = []
    await sql.subscribe('insert:people', (row) => seen.push(row?.['id']))
    await sql.subscribe('*', () => {})
    await sql`insert into people (id) values (1)`
    await eventually(() => expect(seen).toEqual(['int 1']))
    expect(await server.query('select count(*)::int as n from pg_stat_replication')).toEqual([{ n: 1 }])
    await sql.$flusher.close()
    expect(sockets()).toBe(before)
  })

  test('the end of a subscription does not wait for a server that is silent', async () => {
    await using entrance = await gate(server)
    const sockets: Socket[] = []
    const socket = async () => {
      const opened = connect(entrance.port, entrance.host)
      sockets.push(opened)
      await once(opened, 'connect')
      return opened
    }
    const sql = withPeriodicFlush(() => postgres(server.url(), { max: 1, socket } as never), {
      intervalMs: false,
      checkTimeoutMs: 100,
    })
    made.push(sql)
    await sql.subscribe('insert:people', () => {})
    await entrance.stall()
    await sql.$flusher.close()
    expect(sockets).toMatchObject([{ destroyed: true }])
    await entrance.resume()
    await eventually(() => expect(entrance.connections).toBe(0))
  })

  test('subscribe, once it is closed, says CLOSED and opens nothing; the end of one that never was fails nothing', async () => {
    const sql = flushing()
    const failed = vi.fn()
    sql.$flusher.on('failed', failed)
    await sql.$flusher.close()
    expect(failed).not.toHaveBeenCalled()
    await expect(sql.subscribe('*', () => {})).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await server.backends()).toEqual([])
  })

  test('several hosts: a client goes on with the next one', async () => {
    const { port } = new URL(server.url())
    const url = server.url().replace(/@[^/]+/, `@127.0.0.1:1,127.0.0.1:${port}`)
    const sql = withPeriodicFlush(() => postgres(url, { max: 2 }), { intervalMs: 50, jitter: 0 })
    made.push(sql)
    for (let round = 0; round < 3; round += 1) {
      expect(await sql`select ${round}::int as a`).toMatchObject([{ a: round }])
      await sql.$flush()
    }
  })
})
