import { expect, test } from 'vitest'
import {
  failoverPair,
  gate,
  movableName,
  startMariadb,
  startPostgres,
  startPostgresServers,
  startPostgresStandby,
} from '../src/index.ts'

/** Calls as JavaScript may, with whatever arguments. */
function call(callee: (...args: never[]) => unknown, ...args: unknown[]): Promise<unknown> {
  return Promise.resolve().then(() => Reflect.apply(callee, undefined, args))
}

test.each([
  { given: { prot: 5432 }, type: TypeError, says: 'Unknown option `prot` in `options`: expected host, name, port' },
  { given: null, type: TypeError, says: 'Expected `options` to be an object, got null' },
  { given: { port: '5432' }, type: TypeError, says: "Expected `port` to be an integer from 1 to 65535, got '5432'" },
  { given: { port: 0 }, type: RangeError, says: 'Expected `port` to be an integer from 1 to 65535, got 0' },
  { given: { port: Number.NaN }, type: RangeError, says: 'got NaN' },
  { given: { host: 'localhost' }, type: RangeError, says: "Expected `host` to be an IP address such as '127.0.0.1'" },
  { given: { name: '' }, type: RangeError, says: "Expected `name` to be a non-empty string, got ''" },
  { given: { maxConnections: 1 }, type: RangeError, says: 'Expected `maxConnections` to be an integer from 4' },
  { given: { auth: 'none' }, type: RangeError, says: "Expected `auth` to be 'scram-sha-256' or 'trust', got 'none'" },
  { given: { settings: { port: '1' } }, type: RangeError, says: 'got an object' },
  { given: { settings: { work_mem: 4 } }, type: RangeError, says: 'an object of strings by the name of the setting' },
  { given: { tls: 'on' }, type: TypeError, says: 'Expected `tls` to be { cert, key }, both as PEM text' },
  { given: { tls: { cert: 'crt', key: 'k' } }, type: RangeError, says: 'as PEM text, got something else' },
  { given: { settings: { ssl: 'on' } }, type: RangeError, says: 'without config_file' },
  { given: { database: 'x'.repeat(64) }, type: RangeError, says: 'a name of 1 to 63 bytes' },
])('startPostgres rejects $given', async ({ given, type, says }) => {
  const called = call(startPostgres, given)
  await expect(called).rejects.toBeInstanceOf(type)
  await expect(called).rejects.toThrow(says)
})

test.each([
  { given: ['127.0.0.1'], type: TypeError, says: "Expected `hosts` to be an array, got '127.0.0.1'" },
  { given: [[]], type: RangeError, says: 'at least one address' },
  { given: [['127.0.0.1', 'db']], type: RangeError, says: 'Expected `hosts[1]` to be an IP address' },
  { given: [['127.0.0.1', '127.0.0.1']], type: RangeError, says: 'to differ from each other' },
  { given: [['127.0.0.1'], { names: ['a', 'b'] }], type: RangeError, says: 'an array of 1 non-empty strings' },
  { given: [['127.0.0.1'], { host: '127.0.0.1' }], type: TypeError, says: 'Unknown option `host`' },
])('startPostgresServers rejects $given', async ({ given, type, says }) => {
  const called = call(startPostgresServers, ...given)
  await expect(called).rejects.toBeInstanceOf(type)
  await expect(called).rejects.toThrow(says)
})

test.each([
  { given: [{ host: '127.0.0.1' }], type: RangeError, says: 'Expected `name` to be a host name', name: 'a b' },
  { given: [], type: TypeError, says: 'Unknown option `hosts`', name: undefined },
])('failoverPair says: $says', async ({ type, says, name }) => {
  const called = call(failoverPair, name === undefined ? { hosts: [] } : { name })
  await expect(called).rejects.toBeInstanceOf(type)
  await expect(called).rejects.toThrow(says)
})

test('a standby needs a server to follow, and a pair either replicates or not', async () => {
  await expect(call(startPostgresStandby)).rejects.toThrow('Expected `primary` to be a PostgresServer, got undefined')
  await expect(call(startPostgresStandby, { host: '127.0.0.1', port: 1 })).rejects.toThrow(TypeError)
  await expect(call(failoverPair, { replicated: 'yes' })).rejects.toThrow(
    "Expected `replicated` to be true or false, got 'yes'",
  )
  await expect(call(failoverPair, { engine: 'mariadb', replicated: true })).rejects.toThrow(
    'Unknown option `replicated`',
  )
})

test('MariaDB has no `auth`, and a pair is of an engine that is known', async () => {
  await expect(call(startMariadb, { auth: 'trust' })).rejects.toThrow('Unknown option `auth`')
  await expect(call(startMariadb, { settings: { datadir: '/' } })).rejects.toThrow('without bind_address, datadir')
  await expect(call(failoverPair, { engine: 'oracle' })).rejects.toThrow(
    "Expected `engine` to be 'postgres' or 'mariadb'",
  )
})

test.each([
  { given: ['127.0.0.1', '127.0.0.1'], type: RangeError, says: 'Expected `name` to be a host name' },
  { given: [5, '127.0.0.1'], type: TypeError, says: 'Expected `name` to be a host name' },
  { given: ['db.test', 'localhost'], type: RangeError, says: 'Expected `address` to be an IP address' },
  { given: ['db.test'], type: TypeError, says: 'Expected `address` to be an IP address' },
])('movableName rejects $given', async ({ given, type, says }) => {
  const called = call(movableName, ...given)
  await expect(called).rejects.toBeInstanceOf(type)
  await expect(called).rejects.toThrow(says)
})

test('a movable name moves to addresses only and fails with known codes only', () => {
  using moving = movableName('db.test', '127.0.0.1')
  expect(() => moving.moveTo([])).toThrow('Expected `addresses` to be at least one address, got []')
  expect(() => moving.moveTo(['127.0.0.1', 'db'])).toThrow(
    "Expected `address` to be an IP address such as '127.0.0.1', got 'db'",
  )
  expect(() => Reflect.apply(moving.moveTo, moving, [5])).toThrow(TypeError)
  expect(() => Reflect.apply(moving.fail, moving, ['ECONNREFUSED'])).toThrow("Expected `code` to be 'ENOTFOUND'")
  expect(moving.addresses).toEqual(['127.0.0.1'])
})

test.each([
  { given: [undefined], type: TypeError, says: 'Expected `target` to be a server, or { host, port }, got undefined' },
  { given: [{ host: '127.0.0.1' }], type: TypeError, says: 'Expected `target.port` to be an integer' },
  { given: [{ host: '127.0.0.1', port: 1 }, { delay: 1 }], type: TypeError, says: 'Unknown option `delay`' },
])('gate rejects $given', async ({ given, type, says }) => {
  const called = call(gate, ...given)
  await expect(called).rejects.toBeInstanceOf(type)
  await expect(called).rejects.toThrow(says)
})
