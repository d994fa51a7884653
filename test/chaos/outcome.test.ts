import { PeriodicFlushError } from '@periodic-flush/core'
import { expect, test } from 'vitest'
import { outcomeOf, told } from './outcome.ts'

const failure = (code: string | number, more: object = {}) => Object.assign(new Error('failed'), { code, ...more })

test.each<[string, unknown]>([
  ['a connection that could not be made', failure('ECONNREFUSED')],
  ['a wrong password', failure('28P01')],
  ['no connection left', failure('ER_CON_COUNT_ERROR', { errno: 1040 })],
  ['a full disk', failure('53100')],
  ['ours, before anything was sent', new PeriodicFlushError('CLOSED', 'closed')],
  ['what an ORM wraps', new Error('Failed query', { cause: failure('25006') })],
  ['what Prisma wraps', failure('P2010', { meta: { driverAdapterError: { cause: { originalCode: '53100' } } } })],
])('refused: %s', (_, error) => {
  expect(outcomeOf(error)).toBe('refused')
})

test.each<[string, unknown]>([
  ['a cut', new PeriodicFlushError('CUT', 'cut')],
  ['a cut that an ORM wraps', new Error('Failed query', { cause: new PeriodicFlushError('CUT', 'cut') })],
  ['a connection that was lost', failure('ECONNRESET')],
  [
    'a connection that was lost while another could not be made',
    new AggregateError([failure('ECONNREFUSED'), failure('EPIPE')]),
  ],
  ['a server that shuts down', failure('57P01')],
  ['what nobody knows', new Error('odd')],
  ['what is no error', 'odd'],
])('unknown: %s', (_, error) => {
  expect(outcomeOf(error)).toBe('unknown')
})

test('an error is told in one line, with all codes', () => {
  expect(told(new Error('a\nb', { cause: failure('X', { errno: 5 }) }))).toBe('Error: a b [X 5]')
})
