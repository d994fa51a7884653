import { expect, test } from 'vitest'
import { isForwarded, type ProxyEvidence, proxyOf } from '../src/proxy.ts'

const direct: ProxyEvidence = {
  engine: 'postgres',
  names: ['db.example.com'],
  greetingId: 4711,
  serverId: 4711,
  ownPort: 50_123,
  seenPort: 50_123,
}

test.each<[string | undefined, Partial<ProxyEvidence>]>([
  [undefined, {}],
  // MySQL's greeting holds the lower 32 bits of the number.
  [undefined, { engine: 'mysql', greetingId: 7, serverId: 2 ** 32 + 7 }],
  [undefined, { greetingId: null }],
  [undefined, { serverId: null }],
  ['a proxy that does not say which it is', { greetingId: -1_693_096_368, serverId: 12 }],
  ['PgBouncer', { greetingId: 1, introduction: 'PgBouncer 1.24.0' }],
  ['PgCat', { greetingId: 1, introduction: 'PgCat 1.2.0' }],
  ['Pgpool-II', { introduction: 'Pgpool-II 4.3.5 (tamahomeboshi)', seenPort: 50_999 }],
  ['ProxySQL', { engine: 'mysql', introduction: 'ProxySQL, which answers PROXYSQL INTERNAL SESSION' }],
  ['MaxScale', { engine: 'mysql', introduction: 'MariaDB MaxScale' }],
  ['RDS Proxy', { names: ['db.example.com', 'shop.proxy-c1.eu-west-1.rds.amazonaws.com'] }],
  ['Supavisor', { names: ['aws-0-eu-central-1.pooler.supabase.com'] }],
  ['the pooler of Neon', { names: ['ep-cool-sun-1234-pooler.eu-central-1.aws.neon.tech'] }],
])('%s: %o', (title, evidence) => {
  expect(proxyOf({ ...direct, ...evidence })?.title).toBe(title)
})

test('every proxy that is known by name comes with what to set there', () => {
  for (const introduction of ['PgBouncer', 'PgCat', 'Odyssey', 'Pgpool-II', 'ProxySQL', 'MaxScale']) {
    expect(proxyOf({ ...direct, introduction })?.settings).not.toEqual([])
  }
  expect(proxyOf({ ...direct, introduction: 'PgBouncer' })?.settings.join()).toContain('dns_max_ttl')
})

test.each<[boolean, number | null, number | null]>([
  [false, 50_123, 50_123],
  [true, 50_123, 50_999],
  [false, null, 50_123],
  [false, 50_123, null],
])('forwarded: %s, by the ports %s here and %s there', (forwarded, ownPort, seenPort) => {
  expect(isForwarded({ ownPort, seenPort })).toBe(forwarded)
})
