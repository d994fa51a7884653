import { createHash, createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import type { PoolOptions } from 'mysql2'
import * as callback from 'mysql2'
import type * as promise from 'mysql2/promise'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { stage } from './stage.ts'

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 })

/** A pool or a connection of either flavour, asked in one way; what it is told it tells, errors by their code. */
interface Asked {
  query(sql: string | object, values?: unknown): Promise<unknown>
  execute(sql: string | object, values?: unknown): Promise<unknown>
  escape(value: unknown): string
}

/** One thing that the documentation says: how to see it, the test that does, or why none can. */
type Documented =
  | {
      readonly ask: (asked: Asked) => Promise<unknown>
      readonly settings?: PoolOptions | (() => PoolOptions)
      /** Natively too. */
      readonly fails?: true
    }
  | { readonly test: string }
  | { readonly reason: string }

const inTest = (test: string): Documented => ({ test })
const because = (reason: string): Documented => ({ reason })
const ask = (of: (asked: Asked) => Promise<unknown>, settings: PoolOptions | (() => PoolOptions) = {}): Documented => ({
  ask: of,
  settings,
})
const failing = (documented: Documented): Documented => ({ ...documented, fails: true })
const asks =
  (...statements: (string | object | readonly [string | object, unknown])[]) =>
  async (asked: Asked): Promise<unknown[]> => {
    const told = []
    for (const each of statements) {
      const [sql, values] = Array.isArray(each) ? each : [each, undefined]
      told.push(await asked.query(sql, values), await asked.execute(sql, values))
    }
    return told
  }

const kinds = 'select * from kinds'
const twice = { sql: 'select 1 as foo, 2 as foo' }
const local = "load data local infile 'these' into table numbers"

/** MariaDB's ed25519 takes a password for what others call a seed, if it is as long as one. */
const seed = 'thirty-two characters, no fewer!'
const signed = (challenge: Buffer) => {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed)])
  return sign(null, challenge.subarray(0, 32), createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

/** Everything that mysql2's documentation says of pools and of what runs on them, page by page. */
const documented: Readonly<Record<string, Readonly<Record<string, Documented>>>> = {
  'Introduction, Quickstart': {
    'query, execute, placeholders, fields': inTest('members › query(text, values)'),
    'pool.getConnection, connection.release, pool.releaseConnection': inTest(
      'pool › lends connections until release, destroy or end, or until they are lost',
    ),
    'a connection that is asked, and released at once': inTest('uses › answers, though the flush did not wait for it'),
    'waitForConnections, queueLimit, connectionLimit': inTest(
      'pool › honours waitForConnections and queueLimit in mysql2’s own words, and not during a flush',
    ),
    'a pool connects on demand': inTest('flush › that is timed opens no connection while nobody uses the pool'),
    'maxIdle, idleTimeout': inTest('uses › connections that idle beyond maxIdle go, in every generation'),
    'enableKeepAlive, keepAliveInitialDelay': inTest('documented › sockets are set up as natively with %o'),
    'changeUser is for its connection alone': inTest(
      'uses › changeUser is for the connection that it is asked of alone',
    ),
    'rowsAsArray of the pool': ask(asks(twice, kinds), { rowsAsArray: true }),
    'rowsAsArray of a query': ask(asks({ ...twice, rowsAsArray: true })),
    'without it, the last of two columns of one name counts': ask(asks(twice)),
    'a Promise of one’s own': inTest('documented › a Promise of one’s own is what members return'),
    'pool.promise()': inTest('pool › goes to the new server with a flush, in either flavour'),
    'DECIMAL as text': ask(asks('select price from kinds')),
    decimalNumbers: ask(asks('select price, big from kinds'), { decimalNumbers: true }),
    'supportBigNumbers and bigNumberStrings': ask(asks('select big, 1 as small from kinds'), {
      supportBigNumbers: true,
      bigNumberStrings: true,
    }),
    supportBigNumbers: ask(asks('select big, 1 as small from kinds'), { supportBigNumbers: true }),
    'JSON parsed': ask(asks('select tag from kinds', "select json_object('a', 1) as a")),
    jsonStrings: ask(asks('select tag from kinds'), { jsonStrings: true }),
    'pool clusters': inTest('pool › takes no cluster, and says what to wrap instead'),
    createConnection: inTest('pool › takes no single connection, and leaves none open that it refuses'),
  },
  'Extra features': {
    'namedPlaceholders of the pool, one name twice, and values in an array all the same': ask(
      asks(['select :x + :x + :y as z', { x: 1, y: 2 }], ['select ? + ? as z', [1, 1]]),
      { namedPlaceholders: true },
    ),
    'namedPlaceholders of a query': ask(asks([{ sql: 'select :x as z', namedPlaceholders: true }, { x: 1 }])),
    'infileStreamFactory of a query': inTest(
      'documented › several statements, nested tables, dates, numbers and local files come as natively',
    ),
    'infileStreamFactory of the pool, which gets the path': ask(
      async (asked) => {
        const told = [await asked.query(local), await asked.query('select sum(n) as n from numbers')]
        await asked.query('delete from numbers')
        return told
      },
      { infileStreamFactory: (path) => Readable.from([Buffer.from(`${path.length}\n1\n`)]) },
    ),
    'LOAD DATA LOCAL without it fails': failing(ask((asked) => asked.query(local))),
    'stream as a function': inTest('documented › a stream of one’s own carries each connection, and is counted'),
    'stream as an async function': inTest(
      'documented › a stream of one’s own that throws fails its caller, and those who waited for it, and holds nothing up',
    ),
    'stream as one stream': inTest('documented › one stream of one’s own carries the one connection of its pool'),
    passwordSha1: ask(asks('select current_user() as me'), () => ({
      user: 'root',
      password: '',
      passwordSha1: createHash('sha1').update('root').digest() as unknown as string,
    })),
    gracefulEnd: inTest('uses › with gracefulEnd, end() closes a connection that was borrowed, in every generation'),
  },
  'Prepared statements': {
    'execute prepares once and caches, unprepare': inTest('members › prepare, execute, close, unprepare'),
    'prepare, statement.execute, statement.close': inTest(
      'pool › keeps a transaction, and its prepared statements, on one connection over three flushes',
    ),
    maxPreparedStatements: ask(asks('select 1 as a', 'select 2 as a', 'select 1 as a', 'select 3 as a'), {
      maxPreparedStatements: 1,
    }),
    'how values are sent': ask((asked) =>
      asked.execute('select ? as a, ? as b, ? as c, ? as d, ? as e, ? as f', [
        null,
        1.5,
        true,
        new Date(Date.UTC(2024, 1, 3)),
        Buffer.from('e'),
        { f: 1 },
      ]),
    ),
    'undefined and functions are refused': failing(
      ask(async (asked) => [
        await asked.execute('select ?', [undefined]),
        await asked.execute('select ?', [() => 1]),
        await asked.execute('select ?', { no: 'array' }),
      ]),
    ),
  },
  'Query attributes': {
    'attributes, which MariaDB ignores': ask(
      asks({ sql: 'select 1 as a', attributes: { request: 'abc', n: 1, at: new Date(), none: null } }),
    ),
    'flags switch them off': ask(asks({ sql: 'select 1 as a', attributes: { request: 'abc' } }), {
      flags: ['-CLIENT_QUERY_ATTRIBUTES'],
    }),
    mysql_query_attribute_string: because('it is a component of MySQL, which the tests have no server of'),
  },
  'MariaDB data types': {
    'UUID, INET4, INET6 as text; extendedTypeName and extendedFormat of the fields': ask(
      asks('select u, i4, i6, tag from kinds'),
    ),
    'extendedTypeName in a typeCast': ask(
      asks({
        sql: 'select u from kinds',
        typeCast: (field: { extendedTypeName?: string; string(): string }, next: () => unknown) =>
          field.extendedTypeName === 'uuid' ? field.string().toUpperCase() : next(),
      }),
    ),
    'objects as values': ask((asked) => asked.execute('select json_value(?, "$.a") as a', [{ a: 'x' }])),
    VECTOR: because('it came with MariaDB 11.7; to a client it is a Buffer as any other'),
  },
  'Reset connection': {
    'connection.reset()': inTest('members › await connection.reset()'),
    resetOnRelease: inTest('uses › with resetOnRelease nothing of a session is left to the next, in every generation'),
    'a reset that fails': inTest('uses › a connection whose reset fails is replaced'),
  },
  'Promise wrapper': {
    'await using pool, await using connection': inTest(
      'uses › pools and connections dispose of themselves, in either flavour',
    ),
    'connection.promise() can be released': inTest(
      'uses › connection.promise() is a connection of the pool, and can be released',
    ),
    co: because('it awaits promises, as everybody does'),
  },
  'Authentication switch': {
    authPlugins: ask(asks('select current_user() as me'), () => ({
      user: 'signer',
      password: seed,
      authPlugins: { client_ed25519: () => signed },
    })),
    authSwitchHandler: ask(asks('select current_user() as me'), () => ({
      user: 'signer',
      password: seed,
      authSwitchHandler: (({ pluginData }: { pluginData: Buffer }, done: (error: null, data: Buffer) => void) =>
        done(null, signed(pluginData))) as never,
    })),
    'an authPlugin that fails': failing(
      ask(asks('select 1'), () => ({
        user: 'signer',
        password: seed,
        authPlugins: {
          client_ed25519: () => () => {
            throw new Error('no key')
          },
        },
      })),
    ),
    'enableCleartextPlugin, mysql_clear_password': because(
      'MariaDB asks for it with PAM alone; natively it is another authPlugin',
    ),
    'password2, password3': because('MariaDB has no second factor; they are settings of a connection as any other'),
  },
  SSL: {
    'ssl, ca, key, cert, rejectUnauthorized': inTest('tls › a server that wants TLS takes no connection without it'),
    'ssl: verifyIdentity': inTest('tls › a server with a wrong certificate is refused, and the old client serves on'),
    'Amazon RDS, bundles of certificates': because('they are certificates as any other, and need that server'),
  },
  'Tracing channels': {
    'mysql2:query, mysql2:execute, mysql2:pool:connect': inTest(
      'documented › the tracing channels tell of each statement and each checkout once',
    ),
    'what they say, and mysql2:connect': inTest('uses › the tracing channels say what they say natively'),
  },
  'createPool, Connection and Pool options': {
    'a URI with options': ask(asks(twice), () => ({ uri: `${on.pair.url()}?rowsAsArray=true` })),
    'user, password1, host, port, database': ask(asks('select current_user() as me, database() as name'), () => ({
      uri: undefined as never,
      host: new URL(on.pair.url()).hostname,
      port: on.pair.port,
      user: 'root',
      password1: 'root',
      database: 'app',
    })),
    charset: ask(asks('select @@collation_connection as name, "ü" as u'), { charset: 'latin1_swedish_ci' }),
    socketPath: inTest('unix-socket › it flushes and cuts, though nobody can tell where its sockets lead'),
    charsetNumber: ask(asks('select @@collation_connection as name'), { charsetNumber: 47 }),
    localAddress: because('mysql2 keeps it and connects without'),
    timezone: ask(asks(kinds, ['select ? as at', [new Date(0)]]), { timezone: '+05:00' }),
    connectTimeout: inTest('uses › connectTimeout holds for a server that says nothing'),
    stringifyObjects: ask(async (asked) => [asked.escape({ a: 1 }), await asked.query('select ? as a', [{ a: 1 }])], {
      stringifyObjects: true,
    }),
    insecureAuth: because('it is for servers before MySQL 4.1'),
    'typeCast: false': ask(asks('select price from kinds'), { typeCast: false }),
    'typeCast of the pool': ask(asks(kinds), {
      typeCast: (field, next) => (field.name === 'price' ? Number(field.string()) : next()),
    }),
    queryFormat: inTest('pool › shows the settings of its first pool, and carries on what is written there'),
    'dateStrings: true': ask(asks(kinds), { dateStrings: true }),
    'dateStrings of some types': ask(asks(kinds), { dateStrings: ['DATE'] }),
    debug: because('it prints to the console all that is sent'),
    'trace: false': failing(ask((asked) => asked.query('select * from nothing'), { trace: false })),
    'trace: the stack of an error tells who asked': inTest('uses › the stack of an error tells who asked'),
    multipleStatements: ask((asked) => asked.query('select 1 as a; set @x = 1; select 2 as b'), {
      multipleStatements: true,
    }),
    'multipleStatements with rowsAsArray': ask((asked) => asked.query('select 1 as a; select 2 as b'), {
      multipleStatements: true,
      rowsAsArray: true,
    }),
    flags: ask(
      async (asked) => {
        await asked.query('insert into numbers values (1)')
        const told = await asked.query('update numbers set n = 1')
        await asked.query('delete from numbers')
        return told
      },
      { flags: ['-FOUND_ROWS'] },
    ),
    'nestTables: true': ask(asks('select k.price from kinds k'), { nestTables: true }),
    'nestTables of a query, with a separator': ask(asks({ sql: 'select k.price from kinds k', nestTables: '_' })),
    'supportBigNumbers and bigNumberStrings of a query': ask(
      asks({ sql: 'select big, 1 as small from kinds', supportBigNumbers: true, bigNumberStrings: true }),
    ),
    'dateStrings and timezone of a query': ask(
      asks({ sql: kinds, dateStrings: ['DATE'], timezone: '+05:00' }, { sql: kinds, timezone: '-03:00' }),
    ),
    compress: ask(asks("show session status like 'Compression'"), { compress: true }),
    connectAttributes: ask(asks('select 1 as a'), { connectAttributes: { application: 'test' } }),
    disableEval: ask(asks(kinds, { ...twice, rowsAsArray: true }), { disableEval: true }),
    isServer: because('it is for those who write a server'),
    pool: because('it is what a pool tells its own connections'),
    'timeout of a query': failing(ask((asked) => asked.query({ sql: 'select sleep(0.2)', timeout: 10 }))),
    'pool.escape, escapeId, format': inTest('pool › formats and escapes'),
    'the events connection, acquire, release, enqueue': inTest(
      'pool › tells of acquire, release and enqueue as natively',
    ),
  },
  'Queries, and their types': {
    'stored procedures': ask(asks('call kinds_of(1)', ['call kinds_of(?)', [2]])),
    'stored procedures with rowsAsArray': ask(asks({ sql: 'call kinds_of(1)', rowsAsArray: true })),
    'the header of an INSERT, an UPDATE, a DELETE': ask(async (asked) => [
      await asked.query('insert into numbers values (?), (?)', [1, 2]),
      await asked.execute('update numbers set n = n + ?', [1]),
      await asked.execute('delete from numbers where n > ?', [0]),
    ]),
    'the events of a query: fields, result, error, end': inTest('uses › the events of a query come as natively'),
    'query().stream()': inTest('pool › streams to the end on the connection where it began'),
    'connection.pause, connection.resume': inTest(
      'uses › a connection pauses and resumes, whatever is flushed meanwhile',
    ),
    createQuery: inTest('uses › a query that createQuery has made runs on a connection as natively'),
    errors: failing(ask(asks('SELEC 1 + 1'))),
  },
  Elsewhere: {
    'createBinlogStream, createServer': because('they have nothing to do with pools'),
    'Cloudflare workers': because('this package runs on Node'),
  },
}

const entries = Object.entries(documented).flatMap(([page, says]) =>
  Object.entries(says).map(([what, documented]) => ({ name: `${page}: ${what}`, documented })),
)

const on = stage('documentation')

beforeAll(async () => {
  if (!mariadbInstalled) return
  const { pair } = on
  await pair.query('set global local_infile = 1')
  await pair.query(`create table kinds (
    big bigint, price decimal(5, 2), born date, at datetime, tag json, u uuid, i4 inet4, i6 inet6)`)
  await pair.query(`insert into kinds values (9007199254740993, 12.50, '2024-02-03', '2024-02-03 04:05:06',
    '{"a": [1]}', '123e4567-e89b-12d3-a456-426614174000', '203.0.113.7', '2001:db8::1')`)
  await pair.query('create procedure kinds_of(n int) begin select n; select price from kinds; end')
  await pair.query("install soname 'auth_ed25519'")
  await pair.query(`create user signer@'%' identified via ed25519 using password('${seed}')`)
  await pair.query("grant all on app.* to signer@'%'")
})

/** What the calls of one flavour give, made alike. */
function asked(of: promise.Pool | promise.PoolConnection | callback.Pool | callback.PoolConnection): Asked {
  const call =
    (name: 'query' | 'execute') =>
    async (sql: string | object, values?: unknown): Promise<unknown> => {
      try {
        const args = values === undefined ? [sql] : [sql, values]
        const [rows, fields] = await (isCallback(of)
          ? new Promise<[unknown, unknown]>((resolve, reject) => {
              const done = (error: unknown, ...told: [unknown, unknown]) => (error ? reject(error) : resolve(told))
              Reflect.apply(of[name], of, [...args, done])
            })
          : Reflect.apply(of[name], of, args))
        return plain([rows, fieldsOf(fields)])
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        return { code, message }
      }
    }
  return { query: call('query'), execute: call('execute'), escape: (value) => of.escape(value) }
}

const isCallback = (of: object): of is callback.Pool | callback.PoolConnection => !('pool' in of || 'connection' in of)

const fieldsOf = (fields: unknown): unknown =>
  Array.isArray(fields)
    ? fields.map((field) =>
        Array.isArray(field) || field == null
          ? fieldsOf(field)
          : [field.name, field.columnType, field.extendedTypeName, field.extendedFormat],
      )
    : fields

/** Without the classes of rows. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

describe.runIf(mariadbInstalled)('the documentation says, and so it is,', () => {
  test('what is not held against a bare pool says why', () => {
    const without = entries.filter(({ documented }) => 'reason' in documented && !/\w+ \w+/.test(documented.reason))
    expect(without.map(({ name }) => name)).toEqual([])
  })

  for (const { name, documented } of entries) {
    if ('reason' in documented) continue
    if ('test' in documented) {
      test(`${name}: there is a test`, () => {
        const [file = '', title = ''] = documented.test.split(' › ')
        const text = readFileSync(new URL(`${file}.test.ts`, import.meta.url), 'utf8')
        expect(text).toContain(title)
      })
      continue
    }
    const settings = (): PoolOptions => {
      const given = documented.settings ?? {}
      return typeof given === 'function' ? given() : given
    }
    const natively = async (flavour: 'promise' | 'callback', inTransaction: boolean): Promise<unknown> => {
      const configured = { uri: on.pair.url(), connectionLimit: 1, ...settings() }
      const core = callback.createPool(configured)
      const native = flavour === 'callback' ? core : core.promise()
      try {
        if (!inTransaction) return await documented.ask(asked(native))
        return await inATransaction(native, documented.ask)
      } finally {
        await core.promise().end()
      }
    }
    test.each(['promise', 'callback'] as const)(`${name} (%s)`, async (flavour) => {
      const expected = await natively(flavour, false)
      expect(JSON.stringify(expected).includes('"message":')).toBe(documented.fails === true)
      const pool = on[flavour](settings(), { intervalMs: 50, jitter: 0 })
      do {
        // What is refused at once lets no timer fire.
        await asked(pool).query('select 1')
        expect(await documented.ask(asked(pool))).toEqual(expected)
      } while (pool.$flusher.stats().flushes < 2 && pool.$flusher.stats().failures === 0)
      const there = await natively(flavour, true)
      expect(await inATransaction(pool, documented.ask, () => pool.$flush({ wait: 'swapped' }))).toEqual(there)
    })
  }
})

/** What is told in the middle of a transaction; where it can be flushed, once more after that, and it must be the same. */
async function inATransaction(
  pool: promise.Pool | callback.Pool,
  ask: (asked: Asked) => Promise<unknown>,
  flush?: () => Promise<unknown>,
): Promise<unknown> {
  const promised = isCallback(pool) ? pool.promise() : pool
  const connection = await promised.getConnection().catch((error: Error) => error)
  if (connection instanceof Error) return connection.message
  const of = isCallback(pool) ? (connection.connection as unknown as callback.PoolConnection) : connection
  await connection.beginTransaction()
  const told = await ask(asked(of))
  if (flush !== undefined) {
    await flush()
    expect(await ask(asked(of))).toEqual(told)
  }
  await connection.rollback()
  connection.release()
  return told
}
