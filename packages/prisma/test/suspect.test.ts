import { expect, test } from 'vitest'
import { suspect as suspectMysql2 } from '../../mysql2/src/driver.ts'
import { suspect } from '../src/suspect.ts'

const adapterError = (cause: object) => new Error('of the adapter', { cause })

test('an error of MySQL means the same through an adapter as it does through mysql2', () => {
  // Each package has its own table, so that nobody who uses the one pays for the driver of the other.
  for (let errno = 1_000; errno < 2_100; errno++) {
    const ofAdapter = suspect(adapterError({ kind: 'mysql', originalCode: String(errno) }))
    expect([errno, ofAdapter]).toEqual([errno, suspectMysql2({ errno })])
  }
})

test.each([
  [{ kind: 'DatabaseNotReachable' }, 'lost'],
  [{ kind: 'ConnectionClosed' }, 'lost'],
  [{ kind: 'SocketTimeout' }, 'lost'],
  [{ kind: 'mysql', originalCode: '45009' }, 'lost'],
  [{ kind: 'mysql', originalCode: '45012' }, 'lost'],
  [{ kind: 'mysql', originalCode: '45026' }, 'lost'],
  [{ kind: 'postgres', originalCode: '25006' }, 'read-only'],
  [{ kind: 'postgres', originalCode: '57P01' }, 'shutdown'],
  [{ kind: 'UniqueConstraintViolation', originalCode: '23505' }, undefined],
  [{ kind: 'LengthMismatch' }, undefined],
])('the cause %o means %s', (cause, expected) => {
  expect(suspect(adapterError(cause))).toBe(expected)
})

test('an error that is no adapter’s is taken for one of pg', () => {
  expect(suspect(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toBe('lost')
  expect(suspect(new Error('Connection terminated unexpectedly'))).toBe('lost')
  expect(suspect(adapterError(new Error('another')))).toBeUndefined()
  expect(suspect(undefined)).toBeUndefined()
})
