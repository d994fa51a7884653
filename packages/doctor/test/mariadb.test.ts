import { failoverPair, gate, type MariadbServer, movableName, startMariadb } from '@periodic-flush/testing'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../../../test/certificate.ts'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { unixSocket } from '../../../test/unix-socket.ts'
import { lines, visit } from './doctor.ts'

describe.skipIf(!mariadbInstalled)('MariaDB', () => {
  const host = 'maria.example.test'
  let server: MariadbServer

  beforeAll(async () => {
    server = await startMariadb()
  })
  afterAll(() => server?.stop())

  test('one answer: idle connections may go; who serves, how it connects, what is left', async () => {
    using name = movableName(host, server.host)
    const { code, out } = await visit([server.url({ host }), '--json'])
    const found = JSON.parse(out)
    expect(code).toBe(0)
    expect(found).toMatchObject({
      engine: 'mysql',
      target: `root@${host}:${server.port}/test`,
      servers: [
        {
          address: '127.0.0.1',
          version: expect.stringMatching(/^MariaDB \d+\.\d+\.\d+$/),
          writable: true,
          replicas: 0,
          capacity: { maxConnections: 200, free: 200 },
        },
      ],
      connect: { dnsMs: expect.any(Number), tcpMs: expect.any(Number), authMs: expect.any(Number) },
      recommendation: { verdict: 'not-needed' },
    })
    expect(found).not.toHaveProperty('proxy')
    expect(found.recommendation.settings.join('\n')).toContain('maxIdle: 1')
    expect(name.lookups).toBeGreaterThan(10)
  })

  test('a relay that passes bytes on is no proxy, and what it leads to is not taken to be on this machine', async () => {
    await using relay = await gate(server)
    const { out } = await visit([server.url().replace(`:${server.port}/`, `:${relay.port}/`)])
    expect(lines(out, 'proxy')).toEqual([expect.stringContaining('something forwards the connection')])
    expect(out).toContain('You hardly need this: let idle connections go.')
    const direct = await visit([server.url()])
    expect(lines(direct.out, 'proxy')).toEqual(['none seen'])
    expect(direct.out).toContain('You do not need this: the server is on this machine.')
  })

  test('a switch-over after which the old server is read-only: needed', async () => {
    await using pair = await failoverPair({ engine: 'mariadb' })
    const { out } = await visit([pair.url(), '--watch'], {
      async meanwhile(count) {
        if (count === 1) await pair.blue.readOnly(true)
        if (count === 2) pair.moveTo('green')
        return count === 4 ? 'stop' : undefined
      },
    })
    expect(out).toContain('a new connection reaches 127.0.0.1, which is read-only')
    expect(out).toContain('a new connection reaches 127.0.0.2, which takes writes')
    expect(out).toContain('You need this: a pool would still be on the old server.')
    const examined = await visit([pair.url()], { meanwhile: (count) => count === 3 && pair.moveTo('blue') })
    expect(examined.out).toMatch(/127\.0\.0\.1: MariaDB .*, read-only/)
    expect(examined.out).toContain('You need this: an ordinary pool')
  })

  test('over TLS, the handshake is timed by itself', async () => {
    await using secured = await startMariadb({ tls: await selfSigned('localhost') })
    const ssl = encodeURIComponent(JSON.stringify({ rejectUnauthorized: false }))
    const { out } = await visit([`${secured.url()}?ssl=${ssl}`])
    expect(out).toMatch(/connect +[\d.]+ ms: TCP [\d.]+, TLS [\d.]+, login/)
  })

  test('through a Unix socket there is no name to look up', async () => {
    await using socket = await unixSocket(server, 'mysqld.sock')
    const { code, out } = await visit([`${server.url()}?socketPath=${socket.path}`])
    expect(code).toBe(0)
    expect(out).toContain('none: a Unix socket')
    expect(out).toContain(`${socket.path}: MariaDB`)
  })

  test('a database that is not there, and a server that is full, are told as such', async () => {
    const missing = await visit([server.url({ database: 'nowhere' })])
    expect(missing.out).toContain('it refused the database')
    await server.query("create or replace user crowd@'%' identified by 'crowd' with max_user_connections 1")
    const url = `mysql://crowd:crowd@${server.host}:${server.port}`
    const held = await createConnection(url)
    const full = await visit([url])
    await held.end()
    expect(full.code).toBe(1)
    expect(full.out).toContain('it has no connection left')
  })

  test.each(['s3cret-pa55', 'p@ss/w?rd#%:&', 'pässwörd'])(
    'the password %j is nowhere in what is printed',
    async (password) => {
      await server.query(`create or replace user visitor@'%' identified by '${password}'`)
      const written = encodeURIComponent(password)
      const url = `mysql://visitor:${written}@${server.host}:${server.port}`
      const right = await visit([url])
      expect(right.code).toBe(0)
      await server.query(`create or replace user visitor@'%' identified by 'another'`)
      const wrong = await visit([url])
      expect(wrong.code).toBe(1)
      expect(wrong.out).toContain('Access denied')
      expect(wrong.out).toContain('A server was reached, but it refused the login')
      expect(wrong.out).toContain('- see to it that the user and the password')
      for (const output of [right.out, right.err, wrong.out, wrong.err]) {
        expect(output).not.toContain(password)
        expect(output).not.toContain(written)
      }
    },
  )
})
