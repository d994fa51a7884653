import type { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import * as callback from 'mysql2'
import type * as promise from 'mysql2/promise'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { called, stage } from './stage.ts'

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 })

/** One member of a declaration: the test that uses it, that no object of mysql2's own has it, or why there is neither. */
type Line = { readonly test: string } | { readonly absent: true } | { readonly reason: string }

/** The compiler sees to it that no member is left out, and none is left that a later version of mysql2 does not declare. */
type Lines<Declared> = Readonly<Record<Exclude<keyof Declared, keyof EventEmitter>, Line>>

const inTest = (test: string): Line => ({ test })
const because = (reason: string): Line => ({ reason })
const absent: Line = { absent: true }

const lends = inTest('pool › lends connections until release, destroy or end, or until they are lost')
const escapes = inTest('members › format, escape, escapeId')
const ends = inTest('pool › ends as natively: what runs is finished, what comes later fails, and the process may end')
const disposes = inTest('uses › pools and connections dispose of themselves, in either flavour')
const server = because('it is for those who write a server')
const protocol = because('it is how mysql2 itself speaks to the server, on the connection that runs it')

const pool: Lines<callback.Pool> = {
  getConnection: inTest('uses › connection.promise() is a connection of the pool, and can be released'),
  releaseConnection: inTest('members › releaseConnection of a callback pool takes connections of either flavour'),
  query: inTest('pool › runs query and execute with values, named placeholders and options, as natively'),
  execute: inTest('pool › runs query and execute with values, named placeholders and options, as natively'),
  end: ends,
  [Symbol.dispose]: disposes,
  unprepare: absent,
  escape: inTest('pool › formats and escapes'),
  escapeId: inTest('pool › formats and escapes'),
  format: inTest('pool › formats and escapes'),
  promise: inTest('documented › a Promise of one’s own is what members return'),
  config: inTest('pool › shows the settings of its first pool, and carries on what is written there'),
}

const poolConnection: Lines<callback.PoolConnection> = {
  // Of the callback flavour it is the connection itself.
  connection: absent,
  release: lends,
  [Symbol.dispose]: disposes,
  promise: inTest('uses › connection.promise() is a connection of the pool, and can be released'),
  config: inTest('members › config, threadId, authorized, state'),
  threadId: inTest('members › config, threadId, authorized, state'),
  authorized: inTest('members › config, threadId, authorized, state'),
  state: inTest('members › config, threadId, authorized, state'),
  connect: inTest('members › connect(callback)'),
  query: inTest('uses › the events of a query come as natively'),
  execute: inTest('members › execute(sql, values, callback)'),
  beginTransaction: inTest('members › beginTransaction, commit, rollback (callback)'),
  commit: inTest('members › beginTransaction, commit, rollback (callback)'),
  rollback: inTest('members › beginTransaction, commit, rollback (callback)'),
  changeUser: inTest('members › changeUser(options, callback)'),
  end: inTest('members › end(callback)'),
  destroy: lends,
  pause: inTest('uses › a connection pauses and resumes, whatever is flushed meanwhile'),
  resume: inTest('uses › a connection pauses and resumes, whatever is flushed meanwhile'),
  escape: inTest('members › escape, escapeId, format of a connection'),
  escapeId: inTest('members › escape, escapeId, format of a connection'),
  format: inTest('members › escape, escapeId, format of a connection'),
  prepare: inTest('members › prepare(sql, callback), execute, close, unprepare'),
  unprepare: inTest('members › prepare(sql, callback), execute, close, unprepare'),
  ping: inTest('members › ping(callback), reset(callback)'),
  reset: inTest('members › ping(callback), reset(callback)'),
  serverHandshake: server,
  writeOk: server,
  writeError: server,
  writeEof: server,
  writeTextResult: server,
  writePacket: protocol,
  sequenceId: protocol,
}

const promisePool: Lines<promise.Pool> = {
  getConnection: lends,
  releaseConnection: lends,
  query: inTest('members › query(text, values)'),
  execute: inTest('members › execute(text, values)'),
  end: ends,
  [Symbol.asyncDispose]: disposes,
  pool: inTest('pool › honours waitForConnections and queueLimit in mysql2’s own words, and not during a flush'),
  escape: escapes,
  escapeId: escapes,
  format: escapes,
  config: absent,
  threadId: absent,
  state: absent,
  connect: absent,
  ping: absent,
  reset: absent,
  beginTransaction: absent,
  commit: absent,
  rollback: absent,
  changeUser: absent,
  prepare: absent,
  unprepare: absent,
  destroy: absent,
  pause: absent,
  resume: absent,
}

const promisePoolConnection: Lines<promise.PoolConnection> = {
  release: lends,
  connection: inTest('uses › a connection whose reset fails is replaced'),
  [Symbol.asyncDispose]: disposes,
  query: inTest('members › query(text, values)'),
  execute: inTest('members › execute(text, values)'),
  config: inTest('members › config, threadId, connect()'),
  threadId: inTest('members › config, threadId, connect()'),
  connect: inTest('members › config, threadId, connect()'),
  state: absent,
  ping: inTest('members › connection.ping()'),
  reset: inTest('members › await connection.reset()'),
  beginTransaction: inTest("members › 'beginTransaction, commit'"),
  commit: inTest("members › 'beginTransaction, commit'"),
  rollback: inTest("members › 'beginTransaction, rollback'"),
  changeUser: inTest('uses › changeUser is for the connection that it is asked of alone'),
  prepare: inTest('members › prepare, execute, close, unprepare'),
  unprepare: inTest('members › prepare, execute, close, unprepare'),
  end: lends,
  destroy: lends,
  pause: inTest('members › pause, resume'),
  resume: inTest('members › pause, resume'),
  escape: escapes,
  escapeId: escapes,
  format: escapes,
}

const query: Lines<callback.Query> = {
  sql: inTest('pool › runs query and execute with values, named placeholders and options, as natively'),
  stream: inTest('pool › streams to the end on the connection where it began'),
  start: protocol,
  determinePacket: absent,
}

const streamOptions: Lines<NonNullable<Parameters<callback.Query['stream']>[0]>> = {
  highWaterMark: inTest('pool › streams to the end on the connection where it began'),
  objectMode: because('mysql2 sets it to true, whatever it is given'),
}

const statements: Lines<callback.PrepareStatementInfo & promise.PreparedStatementInfo> = {
  execute: inTest('members › prepare(sql, callback), execute, close, unprepare'),
  close: inTest('members › prepare(sql, callback), execute, close, unprepare'),
}

const queryOptions: Lines<callback.QueryOptions> = {
  sql: inTest('members › query(options)'),
  values: inTest('members › query(options)'),
  attributes: inTest('documentation › attributes, which MariaDB ignores'),
  namedPlaceholders: inTest('documentation › namedPlaceholders of a query'),
  timeout: inTest('documentation › timeout of a query'),
  nestTables: inTest('documentation › nestTables of a query, with a separator'),
  typeCast: inTest('members › query with a typeCast of its own'),
  rowsAsArray: inTest('documentation › rowsAsArray of a query'),
  infileStreamFactory: inTest('documented › infileStreamFactory'),
  supportBigNumbers: inTest('documentation › supportBigNumbers and bigNumberStrings of a query'),
  bigNumberStrings: inTest('documentation › supportBigNumbers and bigNumberStrings of a query'),
  dateStrings: inTest('documentation › dateStrings and timezone of a query'),
  timezone: inTest('documentation › dateStrings and timezone of a query'),
}

const poolOptions: Lines<callback.PoolOptions> = {
  waitForConnections: inTest('pool › honours waitForConnections and queueLimit in mysql2’s own words'),
  connectionLimit: inTest('documented › a pool without a limit has none, and lets nobody fail who waits for a flush'),
  maxIdle: inTest('uses › connections that idle beyond maxIdle go, in every generation'),
  idleTimeout: inTest('uses › connections that idle longer than idleTimeout go, in every generation'),
  queueLimit: inTest('pool › honours waitForConnections and queueLimit in mysql2’s own words'),
  resetOnRelease: inTest('uses › with resetOnRelease nothing of a session is left to the next, in every generation'),
  decimalNumbers: inTest('documentation › decimalNumbers'),
  user: inTest('documentation › user, password1, host, port, database'),
  password: inTest('unix-socket › it flushes and cuts, though nobody can tell where its sockets lead'),
  password1: inTest('documentation › user, password1, host, port, database'),
  password2: because('MariaDB has no second factor; it is a setting of a connection as any other'),
  password3: because('MariaDB has no second factor; it is a setting of a connection as any other'),
  database: inTest('documentation › user, password1, host, port, database'),
  charset: inTest('documentation › charset'),
  charsetNumber: inTest('documentation › charsetNumber'),
  host: inTest('documentation › user, password1, host, port, database'),
  port: inTest('documentation › user, password1, host, port, database'),
  localAddress: because('mysql2 keeps it and connects without'),
  socketPath: inTest('unix-socket › it flushes and cuts, though nobody can tell where its sockets lead'),
  timezone: inTest('documentation › timezone'),
  connectTimeout: inTest('uses › connectTimeout holds for a server that says nothing'),
  stringifyObjects: inTest('documentation › stringifyObjects'),
  insecureAuth: because('it is for servers before MySQL 4.1'),
  infileStreamFactory: inTest('documentation › infileStreamFactory of the pool, which gets the path'),
  typeCast: inTest('documentation › typeCast of the pool'),
  queryFormat: inTest('pool › shows the settings of its first pool, and carries on what is written there'),
  supportBigNumbers: inTest('documentation › supportBigNumbers and bigNumberStrings'),
  bigNumberStrings: inTest('documentation › supportBigNumbers and bigNumberStrings'),
  dateStrings: inTest('documentation › dateStrings: true'),
  debug: because('it prints to the console all that is sent'),
  trace: inTest('uses › the stack of an error tells who asked'),
  multipleStatements: inTest('documentation › multipleStatements'),
  flags: inTest('documentation › flags'),
  ssl: inTest('tls › a server that wants TLS takes no connection without it'),
  rowsAsArray: inTest('documentation › rowsAsArray of the pool'),
  enableKeepAlive: inTest('documented › sockets are set up as natively with %o'),
  keepAliveInitialDelay: inTest('documented › sockets are set up as natively with %o'),
  compress: inTest('documentation › compress'),
  authSwitchHandler: inTest('documentation › authSwitchHandler'),
  connectAttributes: inTest('documentation › connectAttributes'),
  isServer: server,
  maxPreparedStatements: inTest('documentation › maxPreparedStatements'),
  namedPlaceholders: inTest('documentation › namedPlaceholders of the pool'),
  nestTables: inTest('documentation › nestTables: true'),
  passwordSha1: inTest('documentation › passwordSha1'),
  pool: because('it is what a pool tells its own connections'),
  stream: inTest('documented › a stream of one’s own carries each connection, and is counted'),
  uri: inTest('documentation › a URI with options'),
  Promise: inTest('documented › a Promise of one’s own is what members return'),
  disableEval: inTest('documentation › disableEval'),
  enableCleartextPlugin: because('MariaDB asks for it with PAM alone; natively it is another authPlugin'),
  authPlugins: inTest('documentation › authPlugins'),
  jsonStrings: inTest('documentation › jsonStrings'),
  gracefulEnd: inTest('uses › with gracefulEnd, end() closes a connection that was borrowed, in every generation'),
}

const ofTls = because('it is handed to Node’s TLS as it is, by the connection itself, as `ca` is')
const ssl: Lines<callback.SslOptions> = {
  ca: inTest('tls › ca: certificate.cert'),
  rejectUnauthorized: inTest('tls › rejectUnauthorized: false'),
  verifyIdentity: inTest('tls › a server with a wrong certificate is refused, and the old client serves on'),
  pfx: ofTls,
  key: ofTls,
  passphrase: ofTls,
  cert: ofTls,
  crl: ofTls,
  ciphers: ofTls,
  minVersion: ofTls,
  maxVersion: ofTls,
}

const refused = inTest('pool › takes no cluster, and says what to wrap instead')
const cluster: Lines<callback.PoolCluster & promise.PoolCluster> = {
  config: refused,
  add: refused,
  remove: refused,
  end: refused,
  [Symbol.dispose]: refused,
  [Symbol.asyncDispose]: refused,
  getConnection: refused,
  of: refused,
}
const namespace: Lines<callback.PoolNamespace & promise.PoolNamespace> = {
  getConnection: refused,
  query: refused,
  execute: refused,
}

const declarations: Readonly<Record<string, Readonly<Record<PropertyKey, Line>>>> = {
  ...{ pool, poolConnection, promisePool, promisePoolConnection, query, streamOptions, statements },
  ...{ queryOptions, poolOptions, ssl, cluster, namespace },
}

const lines = Object.entries(declarations).flatMap(([of, members]) =>
  Reflect.ownKeys(members).map((member) => ({
    name: `${of}.${String(member)}`,
    of,
    member,
    line: members[member] as Line,
  })),
)

describe.runIf(mariadbInstalled)('what mysql2 declares', () => {
  const on = stage('declared')
  const native = callback.createPool({})
  afterAll(() => native.promise().end())

  test('is held against a test, or says why not', () => {
    const untold = lines.filter(({ line }) => 'reason' in line && !/\w+ \w+/.test(line.reason))
    const untested = lines.filter(({ line }) => {
      if (!('test' in line)) return false
      const [file = '', title = ''] = line.test.split(' › ')
      return !readFileSync(new URL(`${file}.test.ts`, import.meta.url), 'utf8').includes(title)
    })
    expect([...untold, ...untested].map(({ name }) => name)).toEqual([])
  })

  test('and no object of mysql2’s own has, none has here either', async () => {
    const core = on.callback()
    const lent = await called<callback.PoolConnection>((done) => core.getConnection(done as never))
    const objects: Readonly<Record<string, readonly object[]>> = {
      pool: [native, core],
      poolConnection: [lent],
      promisePool: [native.promise(), core.promise(), on.promise()],
      promisePoolConnection: [lent.promise()],
      query: [lent.query('select 1')],
    }
    const found = lines.flatMap(({ name, of, member, line }) =>
      'absent' in line ? (objects[of] ?? []).flatMap((object) => (member in object ? [name] : [])) : [],
    )
    expect(found).toEqual([])
    // And what has a test is there.
    const missing = lines.flatMap(({ name, of, member, line }) =>
      'test' in line ? (objects[of] ?? []).flatMap((object) => (member in object ? [] : [name])) : [],
    )
    expect(missing).toEqual([])
    lent.release()
  })
})
