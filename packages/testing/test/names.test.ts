import { execFile } from 'node:child_process'
import dns, { type LookupAddress } from 'node:dns'
import { lookup as namedPromiseImport } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { movableName } from '../src/index.ts'

const name = 'moves.periodic-flush.test'

type Outcome = { error: NodeJS.ErrnoException | null; address: unknown; family: unknown }

/** Calls `dns.lookup` as JavaScript may: with whatever options. */
function look(...options: unknown[]): Promise<Outcome> {
  return lookFor(name, ...options)
}

function lookFor(hostname: string, ...options: unknown[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const callback = (error: NodeJS.ErrnoException | null, address: unknown, family: unknown) =>
      resolve({ error, address, family })
    Reflect.apply(dns.lookup, dns, [hostname, ...options, callback])
  })
}

test('every form of call is answered', async () => {
  using moving = movableName(name, '127.0.0.9')
  const one = { error: null, address: '127.0.0.9', family: 4 }
  const all = { error: null, address: [{ address: '127.0.0.9', family: 4 }], family: undefined }
  expect(await look()).toEqual(one)
  expect(await look(4)).toEqual(one)
  expect(await look(0)).toEqual(one)
  expect(await look({})).toEqual(one)
  expect(await look({ family: 'IPv4', hints: dns.ADDRCONFIG })).toEqual(one)
  expect(await look({ all: true, family: 4 })).toEqual(all)
  expect(await look({ all: true })).toEqual(all)
  expect(await dns.promises.lookup(name)).toEqual({ address: '127.0.0.9', family: 4 })
  expect(await dns.promises.lookup(name, { all: true })).toEqual([{ address: '127.0.0.9', family: 4 }])
  expect(await namedPromiseImport(name, 4)).toEqual({ address: '127.0.0.9', family: 4 })
  expect(await promisify(dns.lookup)(name)).toEqual({ address: '127.0.0.9', family: 4 })
  expect(moving.lookups).toBe(11)
})

test('an answer comes after the call has returned', async () => {
  using _moving = movableName(name, '127.0.0.9')
  let returned = false
  const answeredAfter = new Promise((resolve) => dns.lookup(name, () => resolve(returned)))
  returned = true
  expect(await answeredAfter).toBe(true)
})

test('a name that moves leads to the new address, and a look-up made before keeps its answer', async () => {
  using moving = movableName(name, '127.0.0.1')
  const before = look()
  moving.moveTo('127.0.0.2')
  expect((await before).address).toBe('127.0.0.1')
  expect((await look()).address).toBe('127.0.0.2')
  expect(moving.addresses).toEqual(['127.0.0.2'])
})

test('several addresses come in the order given, or by family when asked', async () => {
  using moving = movableName(name, '127.0.0.1')
  moving.moveTo(['::1', '127.0.0.2', '127.0.0.3'])
  const addresses = async (options: object) => {
    const { address } = await look({ all: true, ...options })
    return (address as LookupAddress[]).map((each) => each.address)
  }
  expect(await addresses({ order: 'verbatim' })).toEqual(['::1', '127.0.0.2', '127.0.0.3'])
  expect(await addresses({ verbatim: false })).toEqual(['127.0.0.2', '127.0.0.3', '::1'])
  expect(await addresses({ family: 6 })).toEqual(['::1'])
  expect((await look({ family: 4 })).address).toBe('127.0.0.2')
})

test('a family that the name has no address of is not found, unless it is mapped', async () => {
  using _moving = movableName(name, '127.0.0.1')
  expect((await look(6)).error).toMatchObject({ code: 'ENOTFOUND' })
  expect(await look({ family: 6, hints: dns.V4MAPPED })).toEqual({
    error: null,
    address: '::ffff:127.0.0.1',
    family: 6,
  })
})

test('the name is found in capitals and with the dot of the root', async () => {
  using _moving = movableName(name, '127.0.0.9')
  expect((await lookFor('MOVES.Periodic-Flush.test.')).address).toBe('127.0.0.9')
})

test('a failure looks like one of getaddrinfo', async () => {
  using moving = movableName(name, '127.0.0.1')
  moving.fail('EAI_AGAIN')
  const { error } = await look()
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ code: 'EAI_AGAIN', errno: -3001, syscall: 'getaddrinfo', hostname: name })
  expect(error?.message).toBe(`getaddrinfo EAI_AGAIN ${name}`)
  moving.fail('ENOTFOUND')
  await expect(dns.promises.lookup(name)).rejects.toMatchObject({ code: 'ENOTFOUND', errno: -3008 })
  moving.moveTo('127.0.0.2')
  expect((await look()).error).toBeNull()
})

test('a look-up that hangs is answered by the next move', async () => {
  using moving = movableName(name, '127.0.0.1')
  moving.hang()
  let answered = false
  const hanging = look().finally(() => {
    answered = true
  })
  const hangingPromise = dns.promises.lookup(name)
  // A look-up of another name, asked later, is answered earlier.
  await lookFor('localhost')
  expect(answered).toBe(false)
  moving.moveTo('127.0.0.2')
  expect((await hanging).address).toBe('127.0.0.2')
  expect(await hangingPromise).toEqual({ address: '127.0.0.2', family: 4 })
})

test('other names are left to Node', async () => {
  using _moving = movableName(name, '127.0.0.9')
  expect((await lookFor('127.0.0.5')).address).toBe('127.0.0.5')
  expect(await dns.promises.lookup('127.0.0.5')).toEqual({ address: '127.0.0.5', family: 4 })
  expect(() => Reflect.apply(dns.lookup, dns, [name, 5, () => undefined])).toThrow(TypeError)
  expect(() => Reflect.apply(dns.lookup, dns, [name])).toThrow(TypeError)
})

test("Node's own functions come back with the last name restored", () => {
  const { lookup } = dns
  const promised = dns.promises.lookup
  const first = movableName(name, '127.0.0.1')
  const second = movableName('another.periodic-flush.test', '127.0.0.1')
  first.restore()
  expect(dns.lookup).not.toBe(lookup)
  second.restore()
  second.restore()
  expect(dns.lookup).toBe(lookup)
  expect(dns.promises.lookup).toBe(promised)
  expect(namedPromiseImport).toBe(promised)
})

test('a look-up that hangs when the name is restored goes to Node', async () => {
  const moving = movableName('localhost', '127.0.0.9')
  moving.hang()
  const hanging = lookFor('localhost', 4)
  moving.restore()
  expect((await hanging).address).toBe('127.0.0.1')
})

test('what somebody else put in the place of dns.lookup meanwhile stays', async () => {
  const { lookup } = dns
  const moving = movableName(name, '127.0.0.9')
  const ours = dns.lookup
  const theirs = ((...args: unknown[]) => Reflect.apply(ours, dns, args)) as typeof dns.lookup
  dns.lookup = theirs
  try {
    moving.restore()
    expect(dns.lookup).toBe(theirs)
    expect((await lookFor('127.0.0.5')).address).toBe('127.0.0.5')
    using _again = movableName(name, '127.0.0.8')
    expect((await look()).address).toBe('127.0.0.8')
  } finally {
    dns.lookup = lookup
  }
})

test('a name that is movable already cannot be made so again', async () => {
  using _moving = movableName(name, '127.0.0.1')
  expect(() => movableName(name.toUpperCase(), '127.0.0.2')).toThrow('is movable already')
})

test('a restored name cannot be moved', () => {
  const moving = movableName(name, '127.0.0.1')
  moving.restore()
  expect(() => moving.moveTo('127.0.0.2')).toThrow('restored already')
  expect(() => moving.fail('ENOTFOUND')).toThrow('restored already')
  expect(() => moving.hang()).toThrow('restored already')
})

test('a socket connects to where the name points', async () => {
  const server = createServer((socket) => socket.end(String(socket.localAddress)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('Expected a port')
  using moving = movableName(name, '127.0.0.1')
  const [response] = await once(connect(bound.port, name), 'data')
  expect(String(response)).toBe('127.0.0.1')
  expect(moving.lookups).toBe(1)
  await new Promise((resolve) => server.close(resolve))
})

test('a look-up that hangs does not keep the process alive', async () => {
  // A program of its own uses the package as it is published, so it has to be built.
  const program = fileURLToPath(new URL('programs/hang.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [program])
  expect(stdout).toBe('2 look-ups hang\n')
})
