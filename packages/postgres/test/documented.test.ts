import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import postgres, { type Options, type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type FlushingSql, withPeriodicFlush } from '../src/index.ts'

/** Asked of a bare client and of a flushed one; `flush` comes in the middle, and does nothing to the bare one. */
type Ask = (sql: Sql, flush: () => Promise<unknown>) => Promise<unknown>

let server: PostgresServer
const ending: (() => Promise<unknown>)[] = []
const path = join(tmpdir(), `${randomUUID()}.sql`)
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 10 })

const point = {
  to: 600,
  from: [600],
  serialize: ([x, y]: [number, number]) => `(${x},${y})`,
  parse: (text: string) => text.slice(1, -1).split(',').map(Number),
}

beforeAll(async () => {
  server = await startPostgres({ settings: { wal_level: 'logical', max_prepared_transactions: '5' } })
  await server.query('create table people (id int primary key, full_name text, tags text[], extra jsonb)')
  await server.query('create publication alltables for all tables')
  await writeFile(path, 'select $1::int as a')
})
afterEach(async () => {
  await Promise.all(ending.splice(0).map((end) => end()))
  await server.query('truncate people')
})
afterAll(async () => {
  await server.stop()
  await rm(path)
})

function bare(settings: Options<Record<string, postgres.PostgresType>> = {}): Sql {
  const sql = postgres(server.url(), { max: 3, onnotice: () => {}, ...settings }) as unknown as Sql
  ending.push(() => sql.end({ timeout: 0 }))
  return sql
}

function flushing(settings: Options<Record<string, postgres.PostgresType>> = {}): FlushingSql {
  const sql = withPeriodicFlush(
    () => postgres(server.url(), { max: 3, onnotice: () => {}, ...settings }) as unknown as Sql,
    { intervalMs: 50, jitter: 0 },
  )
  ending.push(() => sql.$flusher.close({ deadlineMs: 0 }))
  return sql as FlushingSql
}

/** Both say the same, the flushed one each time again. */
async function expectSame(ask: Ask, settings: Options<Record<string, postgres.PostgresType>> = {}): Promise<void> {
  const natively = await ask(bare(settings), async () => {})
  expect(natively).toBeDefined()
  const sql = flushing(settings)
  for (let round = 0; round < 3; round += 1) {
    await server.query('truncate people')
    expect(await ask(sql, () => sql.$flush({ wait: 'swapped' }))).toEqual(natively)
  }
}

const codeOf = async (work: PromiseLike<unknown>): Promise<unknown> => {
  try {
    return await work
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}
const plain = (rows: readonly unknown[]) => rows.map((row) => row)

/** The names of an interface's members, as the driver's own type declarations have them. */
function declared(name: string): string[] {
  const start = new RegExp(`interface ${name}\\b[^{]*(?:\\{\\}>[^{]*|> = \\{\\}[^{]*)?`).exec(declarations)
  if (start === null) throw new Error(`No interface ${name} in the type declarations`)
  let at = declarations.indexOf('{\n', start.index)
  let depth = 0
  let text = ''
  do {
    const char = declarations[at++]
    if (char === '{' || char === '(' || char === '[') depth += 1
    if (depth === 1 && char !== '{') text += char
    if (char === '}' || char === ')' || char === ']') depth -= 1
  } while (depth > 0)
  const names = [...text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').matchAll(/^\s*(\w+)\??\s*[:<)]/gm)].map(
    ([, n]) => `${n}`,
  )
  return [...new Set(names)].sort()
}

const declarations = await readFile(
  join(dirname(createRequire(import.meta.url).resolve('postgres')), '../../types/index.d.ts'),
  'utf8',
)

const client: Record<string, Ask> = {
  typed: async (sql) =>
    plain(
      await sql`select ${sql.typed('5', 23)} as a, ${(sql.typed as never as { point(x: unknown): never }).point([1, 2])} as p`,
    ),
  types: async (sql) => plain(await sql`select ${sql.types('5', 23)} as a`),
  async unsafe(sql, flush) {
    const asked = [
      sql.unsafe('select 1 as a; select 2 as b'),
      sql.unsafe('select $1::int as a', [1], { prepare: true }),
    ]
    const nested = sql`select ${sql.unsafe('1 + 1')} as a`
    await flush()
    return [(await asked[0])?.map((rows) => plain(rows as never)), plain((await asked[1]) ?? []), plain(await nested)]
  },
  async notify(sql, flush) {
    const heard: string[] = []
    const { unlisten } = await sql.listen('told', (payload) => heard.push(payload))
    await flush()
    const { command, count, statement } = await sql.notify('told', 'a')
    await eventually(() => expect(heard).toEqual(['a']))
    await unlisten()
    return { command, count, statement: [statement.string, statement.types, statement.name !== ''] }
  },
  async array(sql, flush) {
    // Natively a client that has not connected yet does not know its server's array types.
    await sql`select 1`
    const [numbers, texts, typed] = [sql.array([1, 2]), sql.array(['a', 'b,"c']), sql.array([3], 23)]
    await flush()
    return plain(await sql`select ${numbers}::int[] as a, ${texts} as b, ${typed} as c`)
  },
  async file(sql, flush) {
    const withArguments = sql.file(path, [3], { cache: true } as never)
    const missing = codeOf(sql.file('/nowhere.sql'))
    await flush()
    return [plain(await withArguments), await missing]
  },
  json: async (sql) => plain(await sql`select ${sql.json({ deep: [1, null] })} as j`),
  CLOSE: async (sql) => Object.keys(sql.CLOSE),
  END: async (sql) => sql.END === sql.CLOSE,
  PostgresError: async (sql) => sql.PostgresError === postgres.PostgresError,
  async options(sql) {
    const { host, port, max, database, user, transform, connection } = sql.options
    expect(Object.keys(sql.options.parsers)).toContain('1184')
    expect(Object.keys(sql.options.serializers)).toContain('1184')
    return { host, port, max, database, user, transform, connection }
  },
  async parameters(sql, flush) {
    await sql`select 1`
    await flush()
    return sql.parameters
  },
  async listen(sql, flush) {
    const heard: string[] = []
    const onlisten = vi.fn()
    const listened = await sql.listen('news', (payload) => heard.push(payload), onlisten)
    expect(listened.state).toMatchObject({ pid: expect.any(Number), secret: expect.any(Number) })
    await flush()
    await sql.notify('news', 'a')
    await eventually(() => expect(heard).toEqual(['a']))
    await flush()
    await listened.unlisten()
    await sql.notify('news', 'b')
    await sql`select pg_sleep(0.05)`
    return [heard, onlisten.mock.calls]
  },
  async subscribe(sql, flush) {
    const seen: unknown[] = []
    const onsubscribe = vi.fn()
    const all = await sql.subscribe(
      '*',
      (row, { command, relation }) => seen.push([command, relation.table, row?.['id']]),
      onsubscribe,
      () => {},
    )
    const one = await sql.subscribe('update:people=1', (row, info) =>
      seen.push(['one', info.command, row?.['full_name']]),
    )
    await sql`insert into people (id, full_name) values (1, 'Ada'), (2, 'Bob')`
    await flush()
    await sql`update people set full_name = 'Eve'`
    await sql`delete from people where id = 2`
    await eventually(() => expect(seen).toHaveLength(6))
    all.unsubscribe()
    one.unsubscribe()
    const after = vi.fn()
    const later = await sql.subscribe('insert:people=3', after)
    await sql`insert into people (id) values (3)`
    await eventually(() => expect(after).toHaveBeenCalledTimes(1))
    later.unsubscribe()
    return [seen, onsubscribe.mock.calls.length]
  },
  async largeObject(sql, flush) {
    const object = await sql.largeObject()
    const told: unknown[] = []
    await object.write(Buffer.from('hello'))
    await flush()
    await object.seek(1)
    told.push(await object.tell(), await object.size(), await object.read(2))
    await object.truncate(3)
    told.push(await object.size())
    const chunks: unknown[] = []
    await pipeline(Readable.from(['j']), await object.writable({ start: 2 }))
    for await (const chunk of await object.readable({ highWaterMark: 16 })) chunks.push(`${chunk}`)
    await object.seek(0)
    told.push(`${((await object.read(9)) as unknown as [{ data: Buffer }])[0].data}`)
    await object.close()
    return [told.map((each) => (Array.isArray(each) ? plain(each) : each)), chunks]
  },
  async begin(sql, flush) {
    const done = await sql.begin('isolation level serializable read only', async (tx) => {
      await flush()
      return (await tx`show transaction_isolation`)[0]?.['transaction_isolation']
    })
    const refused = await codeOf(sql.begin('read only', (tx) => tx`insert into people (id) values (1)`))
    const many = await sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as b`])
    const undone = await codeOf(
      sql.begin(async (tx) => {
        await tx`insert into people (id) values (5)`
        throw new RangeError('undone')
      }),
    )
    return [done, refused, many.map((rows) => plain(rows)), undone, plain(await sql`select id from people`)]
  },
  async reserve(sql, flush) {
    const reserved = await sql.reserve()
    await reserved`set application_name = 'kept'`
    await flush()
    const rows = plain(await reserved`show application_name`)
    await reserved`reset application_name`
    reserved.release()
    return rows
  },
  // The last ones: they end it.
  async close(sql) {
    await (sql as never as { close(): Promise<void> }).close()
    return true
  },
  end: async (sql) => typeof sql.end,
}

const transaction: Record<string, Ask> = {
  savepoint: (sql, flush) =>
    sql.begin(async (tx) => {
      await tx`insert into people (id) values (1)`
      const value = await tx.savepoint('named', async (inner) => {
        await flush()
        return (await inner`insert into people (id) values (2) returning id`).count
      })
      const failed = await codeOf(tx.savepoint((inner) => inner`insert into people (id) values (2)`))
      const many = await tx.savepoint((inner) => [inner`select 1 as a`, inner`select 2 as a`])
      return [value, failed, many.map((rows) => plain(rows)), plain(await tx`select id from people order by id`)]
    }),
  async prepare(sql, flush) {
    await sql.begin(async (tx) => {
      await tx`insert into people (id) values (1)`
      await flush()
      await tx.prepare('tx1')
    })
    const unseen = plain(await sql`select id from people`)
    await sql`commit prepared 'tx1'`
    return [unseen, plain(await sql`select id from people`)]
  },
}

const reserved: Record<string, Ask> = {
  async release(sql) {
    const one = await sql.reserve()
    return [await one.release(), plain(await sql`select 1 as a`)]
  },
}

const query: Record<string, Ask> = {
  async simple(sql, flush) {
    const asked = sql`select 1 as a; select 2 as b`.simple()
    await flush()
    return (await asked).map((rows) => plain(rows as never))
  },
  async readable(sql, flush) {
    let text = ''
    const rows = await sql`copy (select generate_series(1, 3)) to stdout`.readable()
    await flush()
    for await (const chunk of rows) text += chunk
    return text
  },
  async writable(sql, flush) {
    const into = await sql`copy people (id) from stdin`.writable()
    await flush()
    await pipeline(Readable.from(['1\n', '2\n']), into)
    return plain(await sql`select id from people order by id`)
  },
  async execute(sql, flush) {
    const asked = sql`insert into people (id) values (1) returning id`.execute()
    await flush()
    return plain(await asked)
  },
  async cancel(sql, flush) {
    const running = sql`select pg_sleep(58)`.execute()
    const cursor = sql`select pg_sleep(58)`.cursor(1, () => {})
    const outcomes = Promise.all([codeOf(running), codeOf(cursor)])
    await eventually(async () =>
      expect((await server.backends()).filter((b) => b.state === 'active' && /58/.test(b.query))).toHaveLength(2),
    )
    await flush()
    running.cancel()
    ;(cursor as never as { cancel(): void }).cancel()
    const unsent = sql`select 1`
    unsent.cancel()
    return [await codeOf(unsent), await outcomes]
  },
  async stream(sql) {
    try {
      return sql`select 1`.stream(() => {})
    } catch (error) {
      return (error as Error).message
    }
  },
  async forEach(sql, flush) {
    const seen: unknown[] = []
    const flushes: Promise<unknown>[] = []
    const result = await sql`select generate_series(1, 3) as n`.forEach((row, { command }) => {
      seen.push([row, command])
      flushes.push(flush())
    })
    await Promise.all(flushes)
    return [seen, result.length, result.count]
  },
  async cursor(sql, flush) {
    const seen: unknown[] = []
    for await (const rows of sql`select generate_series(1, 5) as n`.cursor(2)) {
      seen.push(plain(rows))
      await flush()
    }
    for await (const rows of sql`select generate_series(1, 5) as n`.cursor()) {
      seen.push(plain(rows))
      break
    }
    await sql`select generate_series(1, 5) as n`.cursor(2, async (rows) => {
      seen.push(plain(rows))
      await flush()
      return sql.CLOSE as never
    })
    // In a transaction, since natively the next result on the connection would begin with an empty row.
    const thrown = sql.begin((tx) =>
      tx`select generate_series(1, 5) as n`.cursor(async () => {
        throw new RangeError('mine')
      }),
    )
    return [seen, await codeOf(thrown)]
  },
  async describe(sql, flush) {
    const asked = sql`select ${1}::int as a`.describe()
    await flush()
    const { string, types, columns } = await asked
    return { string, types, columns: columns.map(({ name, type }) => [name, type]) }
  },
  async values(sql) {
    const result = await sql`select 1 as a, 'x' as a`.values()
    return [plain(result), result.columns.map(({ name }) => name)]
  },
  async raw(sql) {
    return (await sql`select 1 as a, null as b`.raw()).map((row) => row.map((value) => value && `${value}`))
  },
}

describe.each([
  { of: 'a client', names: ['Sql', 'ISql'], asks: client, untyped: ['close'] },
  { of: 'a transaction', names: ['TransactionSql'], asks: transaction, untyped: [] },
  { of: 'a reserved connection', names: ['ReservedSql'], asks: reserved, untyped: [] },
  {
    of: 'a query',
    names: ['PendingQueryModifiers', 'PendingQuery', 'PendingValuesQuery', 'PendingRawQuery'],
    asks: query,
    untyped: [],
  },
])('each member of $of', ({ names, asks, untyped }) => {
  test('that the driver declares is here', () => {
    expect(Object.keys(asks).sort()).toEqual([...new Set([...names.flatMap(declared), ...untyped])].sort())
  })

  test.each(Object.entries(asks))('%s does what it does natively, also while it flushes', async (_, ask) => {
    await expectSame(ask, { types: { point } as never })
  })
})

describe('the members that the driver has at run time', () => {
  const kinds = (sql: object) =>
    Object.fromEntries(
      Object.entries(sql)
        .map(([key, value]) => [key, typeof value])
        .sort(),
    )

  test('of a client, a transaction, a savepoint and a reserved connection are the same', async () => {
    const all = async (sql: Sql) => {
      const one = await sql.reserve()
      one.release()
      return sql.begin(async (tx) => [
        kinds(sql),
        kinds(tx),
        await tx.savepoint(async (inner) => kinds(inner)),
        kinds(one),
      ])
    }
    expect(await all(flushing())).toEqual(await all(bare()))
  })

  test('of a query are tested above, or belong to a promise', () => {
    const prototype = Object.getPrototypeOf(bare()`select 1`)
    const known = new Set([...Object.keys(query), 'constructor', 'then', 'catch', 'finally', 'handle', 'origin'])
    expect(Object.getOwnPropertyNames(prototype).filter((name) => !known.has(name))).toEqual([])
  })
})

/** A server that accepts and says nothing. */
async function silent() {
  const sockets = new Set<Socket>()
  const listening = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  ending.push(async () => {
    for (const socket of sockets) socket.destroy()
    listening.close()
  })
  return (listening.address() as AddressInfo).port
}

const one: Ask = async (sql, flush) => {
  await sql`select 1`
  await flush()
  return plain(await sql`select current_user as u, current_database() as d`)
}
type Settings = () =>
  | Options<Record<string, postgres.PostgresType>>
  | Promise<Options<Record<string, postgres.PostgresType>>>
const at = () => new URL(server.url())
const never: Ask = async () => 'is of the driver alone: it is given to each client as it is'

const options: Record<string, [Settings, Ask]> = {
  host: [() => ({ host: '127.0.0.1' }), one],
  hostname: [() => ({ hostname: '127.0.0.1' }), one],
  port: [() => ({ port: Number(at().port) }), one],
  path: [() => ({ path: '/nowhere/.s.PGSQL.1' }), (sql) => codeOf(sql`select 1`)],
  database: [() => ({ database: 'template1' }), one],
  db: [() => ({ db: 'template1' }), one],
  user: [() => ({ user: 'postgres' }), one],
  username: [() => ({ username: 'nobody', password: 'x' }), (sql) => codeOf(sql`select 1`)],
  pass: [() => ({ pass: at().password }), one],
  password: [() => ({ password: async () => at().password }), one],
  ssl: [() => ({ ssl: 'prefer' }), one],
  max: [() => ({ max: 1 }), async (sql) => plain(await Promise.all([sql`select 1 as a`, sql`select 2 as a`]))],
  idle_timeout: [() => ({ idle_timeout: 1 }), one],
  timeout: [() => ({}), never],
  connect_timeout: [
    async () => ({ host: '127.0.0.1', port: await silent(), connect_timeout: 0.3 }),
    (sql) => codeOf(sql`select 1`),
  ],
  types: [() => ({ types: { point } as never }), async (sql) => plain(await sql`select '(1,2)'::point as p`)],
  prepare: [() => ({ prepare: false }), async (sql) => (await sql`select ${1}::int as a`).statement.name],
  no_prepare: [() => ({ no_prepare: true }), async (sql) => (await sql`select ${1}::int as a`).statement.name],
  onnotice: [
    () => ({ onnotice: notice }),
    async (sql, flush) => {
      notice.mockClear()
      await flush()
      await sql.unsafe("do $$ begin raise notice 'told'; end $$")
      return notice.mock.calls.map(([{ message, severity }]) => [message, severity])
    },
  ],
  onparameter: [
    () => ({ onparameter: parameter }),
    async (sql, flush) => {
      await sql`select 1`
      await flush()
      await eventually(() => expect(parameter.mock.calls.map(([key]) => key)).toContain('server_version'))
      return true
    },
  ],
  debug: [
    () => ({ debug: debugged }),
    async (sql, flush) => {
      debugged.mockClear()
      await flush()
      await sql`select ${7}::int as a`
      const calls = debugged.mock.calls as unknown as [number, string, unknown[], number[]][]
      return calls.filter(([, text]) => /\$1::int/.test(text)).map(([, ...rest]) => rest)
    },
  ],
  transform: [
    () => ({ transform: { ...postgres.pascal, undefined: null } }),
    async (sql, flush) => {
      await sql`insert into people ${sql({ Id: 1, FullName: undefined } as never)}`
      await flush()
      return plain(await sql`select ${sql(['Id', 'FullName'])} from people`)
    },
  ],
  connection: [
    () => ({ connection: { application_name: 'mine', search_path: 'pg_catalog' } }),
    async (sql, flush) => {
      await flush()
      return [plain(await sql`show application_name`), plain(await sql`show search_path`)]
    },
  ],
  target_session_attrs: [
    () => ({ target_session_attrs: 'primary' }),
    async (sql, flush) => {
      await sql`select 1`
      await flush()
      return plain(await sql`select pg_is_in_recovery() as r`)
    },
  ],
  fetch_types: [
    () => ({ fetch_types: false }),
    async (sql, flush) => {
      await flush()
      return plain(await sql`select ${[1, 2] as never}::text as a`.catch((error) => [error.code]))
    },
  ],
  publications: [
    () => ({ publications: 'alltables' }),
    async (sql) => {
      const { unsubscribe } = await sql.subscribe('insert', () => {})
      unsubscribe()
      return true
    },
  ],
  onclose: [
    () => ({ onclose: closed }),
    async (sql, flush) => {
      closed.mockClear()
      await sql`select 1`
      await flush()
      await sql`select pg_terminate_backend(pg_backend_pid())`.catch(() => {})
      await eventually(() => expect(closed).toHaveBeenCalled())
      return typeof closed.mock.calls[0]?.[0]
    },
  ],
  backoff: [() => ({ backoff: () => 0.01 }), one],
  max_lifetime: [() => ({ max_lifetime: 1 }), one],
  keep_alive: [() => ({ keep_alive: 5 }), one],
}
const [notice, parameter, debugged, closed] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()]

describe('each option', () => {
  test('that the driver declares is here', () => {
    expect(Object.keys(options).sort()).toEqual(
      [...new Set([...declared('BaseOptions'), ...declared('Options')])].sort(),
    )
  })

  test.each(Object.entries(options))('%s does what it does natively', async (_, [settings, ask]) => {
    await expectSame(ask, await settings())
  })
})

describe('an error', () => {
  const shape = async (work: PromiseLike<unknown>) => {
    const error = (await Promise.resolve(work).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )) as Error
    const properties = Object.entries(Object.getOwnPropertyDescriptors(error)).map(([key, { enumerable }]) => [
      key,
      enumerable,
    ])
    const { message, code, query: text, parameters } = error as never as Record<string, unknown>
    const origin = /documented\.test\.ts/.test(`${error.stack}`)
    return { message, code, query: text, parameters, properties: properties.sort(), origin, name: error.name }
  }
  const wrongs: Record<string, Ask> = {
    'of the server': (sql) => shape(sql`select ${1}::int from nowhere`),
    'of an unsafe query': (sql) => shape(sql.unsafe('select * from nowhere')),
    'of a query in a transaction': (sql, flush) =>
      shape(
        sql.begin(async (tx) => {
          await flush()
          await tx`select ${1}::int from nowhere`
        }),
      ),
    UNDEFINED_VALUE: (sql) => shape(sql`select ${undefined as never}`),
    NOT_TAGGED_CALL: (sql) => shape((async () => sql('a') as unknown)()),
    UNSAFE_TRANSACTION: (sql) => shape(sql`begin`),
    MAX_PARAMETERS_EXCEEDED: (sql) =>
      shape(
        sql.unsafe(
          'select 1',
          Array.from({ length: 65534 }, () => 1),
        ) as PromiseLike<unknown>,
      ),
    COPY_IN_PROGRESS: async (sql) => {
      const one = await sql.reserve()
      try {
        const into = await one`copy people (id) from stdin`.writable()
        const told = await shape(one`select 1`)
        await new Promise((resolve) => into.end(() => resolve(undefined)))
        return told
      } finally {
        one.release()
      }
    },
  }
  test.each(Object.entries(wrongs))(
    '%s is the one that the bare driver gives, hidden fields and all',
    async (_, ask) => {
      await expectSame(ask)
    },
  )

  test.each([false, true])('shows its query to loggers only with debug: %s', async (debug) => {
    await expectSame((sql) => shape(sql`select ${1}::int from nowhere`), { debug })
  })
})

describe('a result', () => {
  test('has the shape of the bare driver’s', async () => {
    await expectSame(async (sql, flush) => {
      await flush()
      const result = await sql`insert into people (id) values (1), (2) returning id, full_name`
      const { count, command, columns, statement, state } = result
      return {
        properties: Object.entries(Object.getOwnPropertyDescriptors(result)).map(([key, d]) => [key, d.enumerable]),
        json: JSON.stringify(result),
        mapped: result.map(({ id }) => id).constructor === Array,
        columns: columns.map(({ name, type, table, number }) => [name, type, typeof table, number]),
        statement: [statement.string, statement.types, statement.columns === columns],
        state: Object.keys(state),
        count,
        command,
      }
    })
  })
})

describe('the end', () => {
  test('lets go on what was executed before it and refuses what comes later, as natively', async () => {
    const ask = async (sql: Sql) => {
      const query = () => sql`select 1 as a`.then((rows) => plain(rows))
      const transaction = () => sql.begin((tx) => tx`select 2 as a`).then((rows) => plain(rows))
      const before = [query(), transaction()]
      const ended = sql.end()
      return Promise.all([...before, query(), transaction(), ended].map(codeOf))
    }
    const natively = await ask(bare())
    expect(natively).toEqual([[{ a: 1 }], [{ a: 2 }], 'CONNECTION_ENDED', 'CONNECTION_ENDED', undefined])
    expect(await ask(flushing())).toEqual(natively)
  })
})

describe('a promise of a query', () => {
  test('that is asked twice runs once; a lazy one that nobody asks never runs, and cannot fail', async () => {
    await expectSame(async (sql, flush) => {
      const asked = sql`insert into people (id) values (1) returning id`
      const never = sql`select 1 / 0`
      await flush()
      const both = await Promise.all([asked.then((rows) => rows.count), asked.then((rows) => rows.length)])
      const settled = await asked.finally(() => {})
      return [both, settled.length, plain(await sql`select id from people`), never instanceof Promise]
    })
  })

  test('that fails and that nobody awaits is an unhandled rejection, once, as natively', async () => {
    const listeners = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const unhandled: unknown[] = []
    process.on('unhandledRejection', (error: { code?: unknown }) => unhandled.push(error.code))
    try {
      const fails = async (sql: Sql) => {
        unhandled.length = 0
        sql`select 1 / 0`.execute()
        sql.begin((tx) => tx`select 1 / 0`)
        await eventually(() => expect(unhandled.length).toBeGreaterThanOrEqual(2))
        await sql`select 1`
        return [...unhandled]
      }
      const natively = await fails(bare())
      expect(natively).toEqual(['22012', '22012'])
      expect(await fails(flushing())).toEqual(natively)
    } finally {
      process.removeAllListeners('unhandledRejection')
      for (const listener of listeners) process.on('unhandledRejection', listener)
    }
  })
})
