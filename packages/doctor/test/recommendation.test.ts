import { describe, expect, test } from 'vitest'
import type { Change, Findings, NameFindings, ServerFindings } from '../src/findings.ts'
import { providerOf } from '../src/provider.ts'
import { recommend } from '../src/recommendation.ts'

const capacity = { maxConnections: 100, reserved: 3, used: 0, free: 97 }

function server(address: string, more: { writable?: boolean; replicas?: number } = {}): ServerFindings {
  return {
    address,
    version: 'PostgreSQL 18.0',
    self: `${address}:5432`,
    writable: true,
    replicas: 0,
    capacity,
    ...more,
  }
}

function answers(...given: string[]): Change[] {
  return given.map((address, index) => ({ addresses: [address], atMs: index * 1000 }))
}

function found({ name, ...more }: Partial<Omit<Findings, 'name'>> & { name?: Partial<NameFindings> } = {}): Findings {
  return {
    engine: 'postgres',
    target: 'app@db.example.com:5432/shop',
    servers: [server('10.0.0.1')],
    ...more,
    name: {
      host: 'db.example.com',
      kind: 'name',
      lookups: 11,
      overMs: 10_000,
      changes: answers('10.0.0.1'),
      aliases: [],
      ...name,
    },
  }
}

function provider(host: string) {
  const known = providerOf([host])
  return known === undefined ? {} : { provider: known }
}

const both = [server('10.0.0.1'), server('10.0.0.2')]

describe('needed', () => {
  test.each([
    ['the name moved', found({ name: { changes: answers('10.0.0.1', '10.0.0.2') }, servers: both })],
    ['a replica could take over', found({ servers: [server('10.0.0.1', { replicas: 2 })] })],
    ['an Aurora writer endpoint', found({ name: provider('shop.cluster-c1.eu-west-1.rds.amazonaws.com') })],
    ['an Azure endpoint', found({ name: provider('shop.postgres.database.azure.com') })],
  ])('%s', (_what, findings) => {
    const { verdict, because, settings } = recommend(findings)
    expect(verdict).toBe('needed')
    expect(because).not.toEqual([])
    expect(settings.join('\n')).toContain('@periodic-flush/pg')
  })

  test('an answer that flaps between a writable and a read-only server is a move', () => {
    const { because } = recommend(
      found({
        name: { changes: answers('10.0.0.1', '10.0.0.2', '10.0.0.1') },
        servers: [server('10.0.0.1'), server('10.0.0.2', { writable: false })],
      }),
    )
    expect(because).toContain('the name moved while it was looked up')
  })

  test('the TTL is told beside the reason, and is none by itself', () => {
    const moved = found({ name: { changes: answers('10.0.0.1', '10.0.0.2'), ttlSeconds: 5 }, servers: both })
    expect(recommend(moved).because.at(-1)).toBe('its TTL is 5 s; a connection that is open knows nothing of it')
    expect(recommend(found({ name: { ttlSeconds: 5 } })).verdict).toBe('not-needed')
  })
})

describe('not needed', () => {
  test.each([
    ['one answer', found()],
    ['an address', found({ name: { kind: 'address', changes: [] } })],
    [
      'answers that go round among equals',
      found({ name: { changes: answers('10.0.0.1', '10.0.0.2', '10.0.0.1') }, servers: both }),
    ],
    [
      'a reader endpoint, although it has replicas',
      found({
        name: provider('shop.cluster-ro-c1.eu-west-1.rds.amazonaws.com'),
        servers: [server('10.0.0.1', { writable: false, replicas: 1 })],
      }),
    ],
    ['a Kubernetes service with one server', found({ name: provider('db.shop.svc.cluster.local') })],
    [
      'a resolver that failed in between',
      found({
        name: { changes: [...answers('10.0.0.1'), { failure: 'EAI_AGAIN', atMs: 1 }, ...answers('10.0.0.1')] },
      }),
    ],
  ])('%s: set maxLifetimeSeconds', (_what, findings) => {
    const { verdict, headline, settings } = recommend(findings)
    expect(verdict).toBe('not-needed')
    expect(headline).toBe('You do not need this: set maxLifetimeSeconds.')
    expect(settings.join('\n')).toContain('maxLifetimeSeconds: 300')
  })

  test.each(['local', 'socket'] as const)('%s: not even that', (kind) => {
    const { verdict, settings } = recommend(found({ name: { kind, changes: [] } }))
    expect({ verdict, settings }).toEqual({ verdict: 'not-needed', settings: [] })
  })

  test('what an account may not see is not held against it', () => {
    const { replicas: _hidden, ...unseen } = { ...server('10.0.0.1'), replicas: 0 }
    const { because } = recommend(found({ servers: [unseen] }))
    expect(because.at(-1)).toBe('whether a replica could take its place is not visible to this account')
  })
})

test('a proxy comes first: its settings, even where the name moved; then that is said too', () => {
  const proxy = { title: 'PgBouncer', evidence: 'it says so', settings: ['dns_max_ttl'] }
  const moved = { changes: answers('10.0.0.1', '10.0.0.2') }
  const { verdict, because, settings } = recommend(found({ proxy, servers: both, name: moved }))
  expect({ verdict, settings }).toEqual({ verdict: 'proxy', settings: ['dns_max_ttl'] })
  expect(because.join()).toContain("the proxy's own name moves too")
  expect(recommend(found({ proxy })).because.join()).not.toContain("the proxy's own name")
})

test.each([
  ['postgres', 'login', 'it refused the login', 'pg_hba.conf'],
  ['mysql', 'login', 'it refused the login', "'user'@'host'"],
  ['postgres', 'database', 'it refused the database', 'may connect to it'],
  ['mysql', 'database', 'it refused the database', 'may use it'],
  ['postgres', 'connection', 'it has no connection left', 'max_connections'],
  ['mysql', 'connection', 'it has no connection left', 'max_connections'],
  ['postgres', 'other', 'it refused the connection', 'its words'],
  ['mysql', 'other', 'it refused the connection', 'its words'],
] as const)(
  'with %s, a server that was reached and refused the %s is no server that was not reached',
  (engine, refused, headline, remedy) => {
    const servers = [
      { address: '10.0.0.1', failure: 'ECONNREFUSED' },
      { address: '10.0.0.2', failure: 'no', refused },
    ]
    const told = recommend(found({ engine, servers }))
    expect(told).toMatchObject({ verdict: 'unknown', settings: [] })
    expect(told.headline).toBe(`A server was reached, but ${headline}, so nothing can be said yet.`)
    expect(told.because).toEqual(['10.0.0.1: ECONNREFUSED', '10.0.0.2: no', expect.stringContaining(remedy)])
  },
)

test('with no server reached nothing is said, and why', () => {
  const { verdict, because } = recommend(found({ servers: [{ address: '10.0.0.1', failure: 'ECONNREFUSED' }] }))
  expect({ verdict, because }).toEqual({ verdict: 'unknown', because: ['10.0.0.1: ECONNREFUSED'] })
})

test.each([
  ['shop.cluster-c1.eu-west-1.rds.amazonaws.com', 'writer'],
  ['shop.cluster-ro-c1.eu-west-1.rds.amazonaws.com', 'readers'],
  ['shop.c1.eu-west-1.rds.amazonaws.com.', 'writer'],
  ['SHOP.mysql.database.azure.com', 'writer'],
  ['db.shop.svc', 'name'],
  ['db.shop.svc.cluster.local', 'name'],
  ['primary.db.service.consul', 'name'],
  ['db.service.consul', 'name'],
  ['db.service.dc1.consul', 'name'],
  ['rds.amazonaws.com.example.com', undefined],
])('%s is a name of which kind: %s', (host, role) => {
  expect(providerOf([host])?.role).toBe(role)
})
