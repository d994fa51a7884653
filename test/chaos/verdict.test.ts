import { describe, expect, test } from 'vitest'
import type { Statement } from './history.ts'
import { type Evidence, type LedgerRow, report, verdict } from './verdict.ts'

const statement = (given: Partial<Statement>): Statement => ({
  id: 'a',
  client: 'pg',
  work: 'query',
  parts: 1,
  begunAt: 1_000,
  settledAt: 1_010,
  outcome: 'acknowledged',
  error: undefined,
  ...given,
})

const row = (given: Partial<LedgerRow>): LedgerRow => ({ server: 'blue', id: 'a', part: 1, count: 1, ...given })

const evidence = (given: Partial<Evidence>): Evidence => ({
  statements: [],
  ledger: [],
  dues: [],
  happenings: [],
  heard: new Map(),
  deaf: [],
  complaints: [],
  connections: new Map(),
  descriptors: undefined,
  expected: new Map(),
  ...given,
})

const rulesBrokenBy = (given: Partial<Evidence>): string[] => verdict(evidence(given)).map(({ rule }) => rule)

/** One statement, and what the ledgers have of it. */
const rulesBrokenByOne = (given: Partial<Statement>, ...ledger: LedgerRow[]): string[] =>
  rulesBrokenBy({ statements: [statement(given)], ledger })

describe('what the ledger says', () => {
  test('of a statement that was acknowledged: it is there, whole, once, on whichever server', () => {
    expect(rulesBrokenByOne({}, row({}))).toEqual([])
    expect(rulesBrokenByOne({}, row({ server: 'green' }))).toEqual([])
    expect(rulesBrokenByOne({ parts: 2 }, row({}), row({ part: 2 }))).toEqual([])
    expect(rulesBrokenByOne({})).toEqual(['acknowledged, but lost'])
    expect(rulesBrokenByOne({ parts: 2 }, row({}))).toEqual(['acknowledged, but lost'])
    expect(rulesBrokenByOne({}, row({ count: 2 }))).toEqual(['ran twice'])
    expect(rulesBrokenByOne({}, row({}), row({ server: 'green' }))).toEqual(['ran twice'])
  })

  test('of one that was refused: it is not there', () => {
    expect(rulesBrokenByOne({ outcome: 'refused' })).toEqual([])
    expect(rulesBrokenByOne({ outcome: 'refused' }, row({}))).toEqual(['refused, but carried out'])
    expect(rulesBrokenByOne({ outcome: 'refused' }, row({ count: 2 }))).toEqual([
      'ran twice',
      'refused, but carried out',
    ])
  })

  test.each(['unknown', 'pending'] as const)(
    'of one whose outcome is %s: it is there once, whole, or not at all',
    (outcome) => {
      const two = { outcome, parts: 2 }
      expect(rulesBrokenByOne(two)).toEqual([])
      expect(rulesBrokenByOne(two, row({}), row({ part: 2 }))).toEqual([])
      expect(rulesBrokenByOne(two, row({}))).toEqual(['carried out in part'])
      expect(rulesBrokenByOne(two, row({}), row({ part: 2, count: 2 }))).toEqual(['ran twice'])
    },
  )

  test('of what nobody asked for: that is no part of it', () => {
    expect(rulesBrokenBy({ ledger: [row({})] })).toEqual(['in the ledger, but never asked for'])
  })
})

describe('a statement hangs', () => {
  const dues = [{ clients: new Set(['pg']), begunBy: 2_000, by: 3_000 }]
  const rules = (given: Partial<Statement>) =>
    rulesBrokenBy({ dues, statements: [statement({ outcome: 'unknown', ...given })] })

  test('if it was due and settled later, or never', () => {
    expect(rules({ settledAt: 3_001 })).toEqual(['hung past its deadline'])
    expect(rules({ settledAt: undefined, outcome: 'pending' })).toEqual(['hung past its deadline'])
  })

  test('not if it settled in time, was begun later, or is of a client of which nothing was due', () => {
    expect(rules({ settledAt: 3_000 })).toEqual([])
    expect(rules({ begunAt: 2_001, settledAt: 4_000 })).toEqual([])
    expect(rules({ client: 'mysql2', settledAt: undefined })).toEqual([])
  })
})

describe('beside the ledger', () => {
  test.each<[string, Partial<Evidence>, string[]]>([
    ['a notification that was heard twice', { heard: new Map([['a', 2]]) }, ['heard twice']],
    ['one that was heard once', { heard: new Map([['a', 1]]) }, []],
    ['a listener that is deaf', { deaf: ['postgres'] }, ['a listener hears no more']],
    ['a complaint of the process', { complaints: [{ at: 1, what: 'warning: a leak' }] }, ['the process complained']],
    ['connections that are left', { connections: new Map([['blue', 1]]) }, ['connections are left']],
    ['no connection that is left', { connections: new Map([['blue', 0]]) }, []],
    ['descriptors that have grown', { descriptors: { before: 20, after: 21 } }, ['file descriptors have grown']],
    ['descriptors that have not', { descriptors: { before: 20, after: 20 } }, []],
    ['a client that did nothing', { expected: new Map([['pg', ['query']]]) }, ['never got anything done']],
    [
      'a client that did something',
      { expected: new Map([['pg', ['query']]]), statements: [statement({})], ledger: [row({})] },
      [],
    ],
    [
      'a client that did something else',
      { expected: new Map([['pg', ['stream']]]), statements: [statement({})], ledger: [row({})] },
      ['never got anything done'],
    ],
  ])('%s', (_, given, rules) => {
    expect(rulesBrokenBy(given)).toEqual(rules)
  })

  test('a driver is excused for what it does by itself, and for nothing else', () => {
    const types = 'select b.oid, b.typarray\n      left join pg_catalog.pg_type b on b.oid = a.typelem'
    const complaints = (...all: string[]) => ({ complaints: all.map((what) => ({ at: 1, what })) })
    expect(rulesBrokenBy(complaints(`unhandled rejection: Error: read ECONNRESET\n    at ${types}`))).toEqual([])
    expect(rulesBrokenBy(complaints(`uncaught exception: Error: read ECONNRESET\n    at ${types}`))).toHaveLength(1)
    expect(rulesBrokenBy(complaints('unhandled rejection: Error: read ECONNRESET\n    at select 1'))).toHaveLength(1)
  })
})

test('the report names each broken rule, the statement, and what was done before it', () => {
  const happenings = [
    { at: 500, what: 'postgres: freeze (blue)' },
    { at: 1_005, what: 'postgres: the name moves to green' },
    { at: 9_000, what: 'postgres: much later' },
  ]
  const broken = verdict(evidence({ statements: [statement({})], happenings }))
  expect(report(broken, happenings).split('\n')).toEqual([
    'acknowledged, but lost (1):',
    '  - pg query a, acknowledged ()',
    '      -0.50 s postgres: freeze (blue)',
    '      0.01 s postgres: the name moves to green',
  ])
})
