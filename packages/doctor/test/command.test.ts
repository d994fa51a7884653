import { readFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { readConnectionString } from '../src/connection-string.ts'
import { visit } from './doctor.ts'

test.each([
  ['postgres://app:pw@db.example.com/shop', 'app@db.example.com:5432/shop'],
  ['postgresql://app:pw@[::1]:6432/shop?sslmode=disable', 'app@[::1]:6432/shop'],
  ['postgres://app:pw@/shop?host=/run/postgresql', 'app@/run/postgresql/.s.PGSQL.5432/shop'],
  ['mysql://app:pw@db.example.com/shop', 'app@db.example.com:3306/shop'],
  ['mariadb://app:p%2Fw@db.example.com:3307', 'app@db.example.com:3307'],
  ['mysql://app:pw@localhost/shop?socketPath=/run/mysqld.sock', 'app@/run/mysqld.sock/shop'],
])('%s is %s', (text, label) => {
  expect(readConnectionString(text).label).toBe(label)
})

test('a connection string that was read shows its password to nobody', () => {
  for (const scheme of ['postgres', 'mysql']) {
    const read = readConnectionString(`${scheme}://app:s3cr%2Ft@db.example.com/shop`)
    const shown = inspect(read, { depth: 9, showHidden: false }) + JSON.stringify(read)
    expect(shown).not.toMatch(/s3cr/)
    for (const said of ['no s3cr/t here', 'nor s3cr%2Ft']) {
      expect(read.hide(said)).toBe('not shown, since the password is in it')
    }
  }
})

test('a short password is not told by the gaps that it leaves', () => {
  const said = 'password authentication failed for user "app" (28P01)'
  for (const password of ['a', 'failed', 'app', 'password authentication failed']) {
    const read = readConnectionString(`postgres://me:${encodeURIComponent(password)}@db.example.com/shop`)
    expect(read.hide(said)).toBe('not shown, since the password is in it (28P01)')
    expect(read.hide('bcdgjkmq')).toBe('bcdgjkmq')
  }
  expect(readConnectionString('postgres://me:28P01@db.example.com/shop').hide(said)).toBe(
    'not shown, since the password is in it',
  )
})

test.each([
  ['postgres://app:s3cr/t@db.example.com/shop'],
  ['postgres://app:12/s3cr@db.example.com/shop'],
  ['postgres://app:1?s3cr@db.example.com/shop'],
  ['postgres://app:1#s3cr@db.example.com/shop'],
  ['mysql://app:12/s3cr@db.example.com/shop'],
  ['mysql://app:s3cr%zz@db.example.com/shop'],
  ['mysql://app:s3cr@db.example.com:port/shop'],
  ['host=db.example.com password=s3cr'],
  ['constructor://app:s3cr@db.example.com/shop'],
  ['postgres://app:s3cr@db.example.com/shop', 'another-s3cr'],
  ['--url=postgres://app:s3cr@db.example.com/shop'],
  ['-ps3cr', 'mysql://db.example.com'],
  ['--password=s3cr', 'mysql://db.example.com'],
  ['postgres://app:s3cr@db.example.com/shop', '--for', 's3cr'],
  ['postgres://app:s3cr@db.example.com/shop', '--every', '0'],
  ['postgres://app:s3cr@db.example.com/shop', '--every'],
  ['postgres://app:s3cr@db.example.com/shop', '--timeout', '-1'],
  ['postgres://app:s3cr@db.example.com/shop?sslrootcert=/none/s3cr.pem'],
  [],
])('used wrongly: %s: exit code 2, one line, and nothing of what could be a secret', async (...args) => {
  const { code, out, err } = await visit(args)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(/^[^\n]+\. See --help\.\n$/)
  expect(err).not.toMatch(/s3cr/)
})

test('without a connection string, that in DATABASE_URL is looked at', async () => {
  const { code, out } = await visit([], { env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' } })
  expect(code).toBe(1)
  expect(out).toContain('nobody@127.0.0.1:1/none')
})

test('--help says what it does, and what its exit codes mean; the README says the same', async () => {
  const { code, out } = await visit(['--help'])
  expect(code).toBe(0)
  expect(out).toContain('Exit codes: 0')
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(out.trim())
})

test('--version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  expect(await visit(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
})
