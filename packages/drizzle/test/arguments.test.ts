import { withReplicas as mysqlReplicas } from 'drizzle-orm/mysql-core'
import { drizzle as drizzleMysql2 } from 'drizzle-orm/mysql2'
import { drizzle as drizzleNodePg } from 'drizzle-orm/node-postgres'
import { withReplicas } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { drizzle as drizzleMysql2Rc } from 'drizzle-orm-rc/mysql2'
import { drizzle as drizzleNodePgRc } from 'drizzle-orm-rc/node-postgres'
import { drizzle as drizzlePostgresJsRc } from 'drizzle-orm-rc/postgres-js'
import { createConnection, createPool } from 'mysql2'
import * as promise from 'mysql2/promise'
import { Client, Pool } from 'pg'
import postgres from 'postgres'
import { describe, expect, test } from 'vitest'
import { withPeriodicFlush as withMysql2 } from '../src/mysql2.ts'
import { withPeriodicFlush as withPg } from '../src/node-postgres.ts'
import { withPeriodicFlush as withPostgres } from '../src/postgres-js.ts'

/** No test here connects, except where it must not matter to whom. */
const nowhere = '127.0.0.1:1'
const secret = 'hunter2'
const pgUrl = `postgres://me:${secret}@${nowhere}/db`
const mysqlUrl = `mysql://me:${secret}@${nowhere}/db`

type Call = (factory: unknown, database: unknown, options?: unknown) => unknown
type Drizzle = (...given: unknown[]) => object

const drivers = [
  {
    driver: 'node-postgres',
    call: withPg as Call,
    client: () => new Pool({ connectionString: pgUrl }),
    url: pgUrl,
    kind: 'a new pg.Pool',
    right: 'withPeriodicFlush(() => new Pool(config), (client) => drizzle({ client }))',
    versions: [drizzleNodePg, drizzleNodePgRc] as unknown as Drizzle[],
    replicated: (db: never) => withReplicas(db, [db]),
  },
  {
    driver: 'postgres-js',
    call: withPostgres as Call,
    client: () => postgres(pgUrl),
    url: pgUrl,
    kind: 'a new postgres.js client',
    right: 'withPeriodicFlush(() => postgres(url), (client) => drizzle({ client }))',
    versions: [drizzlePostgresJs, drizzlePostgresJsRc] as unknown as Drizzle[],
    replicated: (db: never) => withReplicas(db, [db]),
  },
  {
    driver: 'mysql2',
    call: withMysql2 as Call,
    client: () => createPool(mysqlUrl),
    url: mysqlUrl,
    kind: 'a new mysql2 pool',
    right: 'withPeriodicFlush(() => createPool(config), (client) => drizzle({ client }))',
    versions: [drizzleMysql2, drizzleMysql2Rc] as unknown as Drizzle[],
    replicated: (db: never) => mysqlReplicas(db, [db]),
  },
]

describe.each(drivers)('$driver', ({ call, client, url, kind, right, versions, replicated }) => {
  const [drizzle, drizzleRc] = versions as [Drizzle, Drizzle]
  const db = (given: unknown) => drizzle({ client: given })
  const factory = `Expected \`factory\`, the first argument, to`
  const database = `Expected \`database\`, the second argument, to`

  test.each([
    ['a number', () => 3, '3'],
    ['nothing', () => undefined, 'undefined'],
    ['a client', client, 'a client'],
    ['a database', () => drizzle(url), 'a Drizzle database'],
    ['a database of 1.0', () => drizzleRc(url), 'a Drizzle database'],
    ['a promise', () => Promise.resolve(), 'a promise'],
    ['a string that may be a secret', () => url, `a string of ${url.length} characters`],
  ])('takes no factory that is %s', (_, given, told) => {
    const wrong = () => call(given(), db)
    expect(wrong).toThrow(new TypeError(`${factory} be a function that returns ${kind}, got ${told}; write ${right}`))
  })

  test.each([
    ['a number', () => 3, '3'],
    ['nothing', () => undefined, 'undefined'],
    ['options', () => ({ intervalMs: 1 }), 'an object'],
    ['a client', client, 'a client'],
    ['a database', () => drizzle(url), 'a Drizzle database'],
  ])('takes no second argument that is %s', (_, given, told) => {
    const expected = `${database} be a function that returns a Drizzle database, got ${told}; write ${right}`
    expect(() => call(client, given())).toThrow(new TypeError(expected))
  })

  test.each(versions)('takes no factory that returns a database', async (drizzleOf) => {
    const message = `${factory} return ${kind}, got a Drizzle database; write ${right}`
    const refused = expect.objectContaining({ code: 'UNSUPPORTED_CLIENT', message })
    expect(() => call(() => drizzleOf(url), db)).toThrow(refused)
    expect(() => call(() => replicated(drizzleOf(url) as never), db)).toThrow(refused)
  })

  test.each([
    ['nothing', () => undefined, 'undefined'],
    ['null', () => null, 'null'],
    ['the client itself', (given: unknown) => given, 'a client'],
    ['a promise', async (given: unknown) => db(given), 'a promise'],
    ['a database of a string', () => drizzle(url), 'a Drizzle database on another one'],
    ['a database of 1.0 of a string', () => drizzleRc(url), 'a Drizzle database on another one'],
    ['a database of another client', () => drizzleRc({ client: client() }), 'a Drizzle database on another one'],
    [
      'a database of another flushing client',
      () => db((call(client, db) as { $client: unknown }).$client),
      'a Drizzle database on another one',
    ],
    ['a mock', () => (drizzle as unknown as { mock: () => object }).mock(), 'a Drizzle database on another one'],
  ])('takes no second argument that returns %s', (_, given, told) => {
    const expected = `${database} return a Drizzle database on the client that it is given, got ${told}; write ${right}`
    expect(() => call(client, given)).toThrow(new TypeError(expected))
  })

  test.each([
    ['a database', (given: unknown) => drizzle({ client: given })],
    ['a database, as 0.45 has it too', (given: unknown) => drizzle(given, {})],
    ['a database of 1.0', (given: unknown) => drizzleRc({ client: given })],
    ['one with replicas', (given: unknown) => replicated(db(given) as never)],
    ['something that has one', (given: unknown) => ({ db: db(given) })],
    ['a database on a client that passes everything on', (given: unknown) => db(new Proxy(given as object, {}))],
  ])('takes %s, and adds to it what flushes', (_, given) => {
    let made: unknown
    const flushed = call(client, (of: unknown) => {
      made = given(of)
      return made
    })
    expect(flushed).toBe(made)
    expect(flushed).toMatchObject({ $flush: expect.any(Function), $flusher: { name: expect.any(String) } })
  })

  test('asks for one client and one database', () => {
    const asked: string[] = []
    const flushed = call(
      () => {
        asked.push('factory')
        return client()
      },
      (given: unknown) => {
        asked.push('database')
        return db(given)
      },
    )
    expect(flushed).toBeDefined()
    expect(asked).toEqual(['factory', 'database'])
  })

  test('takes options, and refuses those that do not exist', () => {
    expect(call(client, db, { name: 'mine' })).toMatchObject({ $flusher: { name: 'mine' } })
    expect(() => call(client, db, { intervall: 1 })).toThrow('Unknown option')
  })

  test('what combines databases keeps the members that its type promises: those of the primary', () => {
    const primary = call(client, db) as { $flush: unknown; $flusher: unknown }
    const both = replicated(primary as never) as unknown as typeof primary
    expect(both.$flush).toBe(primary.$flush)
    expect(both.$flusher).toBe(primary.$flusher)
  })
})

test('`drizzle(client)`, which 1.0 takes for a configuration and connects elsewhere, is refused', () => {
  const wrong = (call: Call, client: () => unknown, drizzle: unknown) => () =>
    call(client, (given: unknown) => (drizzle as Drizzle)(given))
  const told = /got a Drizzle database on another one; write .*drizzle\(\{ client \}\)/
  expect(wrong(withPg as Call, () => new Pool(), drizzleNodePgRc)).toThrow(told)
  expect(wrong(withPostgres as Call, () => postgres(pgUrl), drizzlePostgresJsRc)).toThrow(told)
})

test('a factory that answers later is asked the same', async () => {
  const message = expect.stringMatching(/^Expected `factory`, the first argument, to return .*, got a Drizzle database/)
  const refused = { code: 'UNSUPPORTED_CLIENT', message }
  await expect((withMysql2 as Call)(async () => drizzleMysql2(mysqlUrl), drizzleMysql2)).rejects.toMatchObject(refused)
  const db = withPg(async () => drizzleNodePg(pgUrl) as never, drizzleNodePg)
  await expect(db.execute('select 1')).rejects.toMatchObject({ cause: refused })
})

test('a single connection, which Drizzle takes too, is none of a pool that can be flushed', () => {
  expect(() => withPg((() => new Client()) as never, drizzleNodePg)).toThrow('to return a new pg.Pool, got an object')
  const connection = createConnection({ host: '127.0.0.1', port: 1 })
  connection.on('error', () => {})
  expect(() => withMysql2((() => connection) as never, drizzleMysql2)).toThrow('a single connection: use createPool')
})

test('a database on what `promise()` gives of a callback pool is on the pool that is flushed', async () => {
  const db = withMysql2(
    () => createPool(mysqlUrl),
    (client) => drizzleMysql2(client.promise()),
  )
  expect(db.$flusher.name).toBe('mysql2')
  const later = await withMysql2(async () => promise.createPool(mysqlUrl), drizzleMysql2)
  expect(later.$flusher.name).toBe('mysql2')
})

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const failing = () => {
  throw new Error(secret)
}

test.each([
  ['fails when it is looked at', () => new Proxy({}, { has: failing })],
  ['cannot be looked at', revoked],
  [
    'fails when its client is asked for',
    () => ({
      get $client() {
        return failing()
      },
    }),
  ],
  ['is a secret', () => pgUrl],
  ['holds a secret', () => ({ password: secret })],
])('what %s is refused in the same words, and not shown', (_, given) => {
  const wrong: [string, () => unknown][] = [
    ['factory', () => (withPg as Call)(given(), () => ({}))],
    ['database', () => (withPg as Call)(() => new Pool(), given())],
  ]
  for (const [argument, call] of wrong) {
    expect(call).toThrow(new RegExp(`^Expected \`${argument}\`, the \\w+ argument, to be a function(?!.*${secret})`))
  }
})

test('a database that cannot say which client it is on is on another one', () => {
  const odd = {
    get $client() {
      return failing()
    },
  }
  expect(() =>
    (withPg as Call)(
      () => new Pool(),
      () => odd,
    ),
  ).toThrow('got a Drizzle database on another one')
})
