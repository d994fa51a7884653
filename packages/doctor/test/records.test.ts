import { movableName, startPostgres } from '@periodic-flush/testing'
import { expect, test } from 'vitest'
import { Records } from '../src/records.ts'
import { visit } from './doctor.ts'
import { NameServer } from './name-server.ts'

test('aliases are followed, and the TTL is the highest that was seen while a cache counted it down', async () => {
  await using names = await NameServer.start()
  await using server = await startPostgres()
  const host = 'db.example.test'
  const endpoint = 'shop.cluster-c1.eu-west-1.rds.amazonaws.com'
  names.zone.set(host, { cname: endpoint, ttl: 300 })
  names.zone.set(endpoint, { a: server.host, ttl: 3 })
  using name = movableName(host, server.host)
  const { out } = await visit([server.url({ host: name.name }), '--for', '2'], {
    records: new Records([names.address]),
    meanwhile: (count) => names.zone.set(endpoint, { a: server.host, ttl: count === 1 ? 5 : 4 }),
  })
  expect(out).toMatch(new RegExp(`^name +${host} → ${endpoint}, an Aurora or RDS cluster endpoint$`, 'm'))
  expect(out).toMatch(/^TTL +5 s$/m)
  expect(out).toContain('made to move in a failover')
  expect(out).toContain('its TTL is 5 s')
})

test('aliases that go round in a circle come to an end', async () => {
  await using names = await NameServer.start()
  names.zone.set('a.example.test', { cname: 'b.example.test', ttl: 1 })
  names.zone.set('b.example.test', { cname: 'a.example.test', ttl: 1 })
  expect(await new Records([names.address]).aliases('a.example.test')).toHaveLength(8)
})

test('a name that the resolver does not know has neither', async () => {
  await using names = await NameServer.start()
  const records = new Records([names.address])
  expect([await records.aliases('db.example.test'), await records.ttls('db.example.test')]).toEqual([[], []])
})
