import dns from 'node:dns'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Endpoint } from '../src/driver.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Watched } from '../src/trigger.ts'
import { type NameMovedOptions, nameMoved } from '../src/triggers/name-moved.ts'
import { closeBy, ManualClock } from './manual-clock.ts'
import { type FakeClient, ScriptedDriver } from './scripted-driver.ts'

const BLUE = '10.0.0.1'
const GREEN = '10.0.0.2'

test('flushes when a socket is connected to an address that is no longer in the answer, and once more when settled', async () => {
  const { clock, names, swaps, driver } = await watching()
  await clock.advance(1_000)
  expect(swaps).toEqual([])
  names.db = [GREEN]
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
  await clock.advance(900)
  expect(swaps).toEqual(['name moved'])
  await clock.advance(100)
  expect(swaps).toEqual(['name moved', 'name settled'])
  await clock.advance(60_000)
  expect(swaps).toHaveLength(2)
})

test('an answer that grows or changes its order is no move: the addresses in use are still in it', async () => {
  const { clock, names, swaps } = await watching()
  await clock.advance(1_000)
  names.db = [GREEN, BLUE]
  await clock.advance(10_000)
  expect(swaps).toEqual([])
})

test('answers that flap are one move: no flush for an address that was there a moment ago', async () => {
  const { clock, names, swaps, driver } = await watching()
  await clock.advance(1_000)
  driver.peers_ = [`${GREEN}:5432`]
  for (let n = 0; n < 20; n++) {
    names.db = n % 2 === 0 ? [GREEN] : [BLUE]
    await clock.advance(300)
  }
  expect(swaps).toEqual(['name moved'])
  names.db = [GREEN]
  await clock.advance(1_100)
  expect(swaps).toEqual(['name moved', 'name settled'])
})

test('a socket that a flicker stranded is found: what counts is where it is really connected to', async () => {
  const { clock, names, swaps, driver } = await watching()
  await clock.advance(1_000)
  names.db = [GREEN]
  // The fresh client's own look-up still gives the old address.
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(1_000)
  expect(swaps).toEqual(['name moved', 'name moved', 'name settled'])
  expect(driver.clients.at(-1)?.peers).toEqual([`${GREEN}:5432`])
})

test('while answers do not settle, an address that has been gone for settleMs is left all the same', async () => {
  const { clock, names, swaps, driver } = await watching()
  await clock.advance(1_000)
  driver.peers_ = [`${BLUE}:5432`]
  names.db = [GREEN]
  await clock.advance(100)
  for (let n = 0; n < 12; n++) {
    names.db = n % 2 === 0 ? [GREEN] : ['10.0.0.3']
    await clock.advance(100)
  }
  expect(swaps).toEqual(['name moved', 'name moved'])
})

test('a socket at a newer address than the last answer has is no reason to flush', async () => {
  const { clock, names, swaps, driver } = await watching()
  await clock.advance(1_000)
  const [client] = driver.clients
  if (client === undefined) throw new Error('no client')
  // The pool grows right after the name has moved, to an address that then stays.
  names.db = [GREEN, BLUE]
  client.peers = [`${BLUE}:5432`, `${GREEN}:5432`]
  await clock.advance(1_000)
  expect(swaps).toEqual([])
})

test('only addresses that an answer has had are said to be gone', async () => {
  const gone: unknown[] = []
  const lookups = [[BLUE], [GREEN]]
  const watched: Watched = {
    name: 'db',
    clock: new ManualClock(),
    random: () => 0,
    flush: (request) => gone.push(request.gone),
    endpoints: () => [{ host: 'db', port: 5432 }],
    peers: () => [`${BLUE}:5432`, '192.168.0.9:6432'],
    writable: async () => undefined,
    onSuspicion: () => () => {},
    failed: () => {},
  }
  const stop = nameMoved({ pollMs: 100, settleMs: 150, lookup: () => answered(lookups.shift() ?? [GREEN]) }).start(
    watched,
  )
  await (watched.clock as ManualClock).advance(300)
  stop()
  expect(gone).toEqual([[], [BLUE]])
})

test('an address that no answer ever has, such as a proxy’s, is left to itself after one move', async () => {
  const { clock, names, swaps } = await watching({}, { peers: ['192.168.0.9:6432'] })
  await clock.advance(1_000)
  expect(swaps).toEqual(['name moved'])
  await clock.advance(60_000)
  expect(swaps).toEqual(['name moved', 'name settled'])
  // It was a server after all.
  names.db = ['192.168.0.9']
  await clock.advance(60_000)
  expect(swaps).toHaveLength(2)
  names.db = [BLUE]
  await clock.advance(100)
  expect(swaps).toHaveLength(3)
})

const failures: [string, () => unknown][] = [
  ['NXDOMAIN', () => Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))],
  ['SERVFAIL', () => Promise.reject(Object.assign(new Error('servfail'), { code: 'ESERVFAIL' }))],
  [
    'a look-up that throws',
    () => {
      throw new Error('no resolver')
    },
  ],
  ['an answer that is none', async () => undefined],
]

test.each(failures)('%s is no change, is told once, and the watch goes on', async (_, lookup) => {
  let broken = false
  let address = BLUE
  const { clock, swaps, told, driver } = await watching({
    lookup: () => (broken ? (lookup() as never) : answered([address])),
  })
  await clock.advance(1_000)
  broken = true
  await clock.advance(5_000)
  expect(swaps).toEqual([])
  expect(told).toEqual(['name-moved'])
  broken = false
  address = GREEN
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('an empty answer is no change', async () => {
  const { clock, names, swaps, told } = await watching()
  await clock.advance(1_000)
  names.db = []
  await clock.advance(5_000)
  expect(swaps).toEqual([])
  expect(told).toEqual([])
})

test('a look-up that never returns is the only one for its name; other names and the end of the watch do not wait', async () => {
  const asked: string[] = []
  const { clock, flusher, swaps } = await watching(
    {
      lookup: (host) => {
        asked.push(host)
        return host === 'hung' ? new Promise(() => {}) : answered([BLUE])
      },
    },
    { hosts: ['hung', 'db'] },
  )
  await clock.advance(5_000)
  expect(asked.filter((host) => host === 'hung')).toHaveLength(1)
  expect(asked.filter((host) => host === 'db').length).toBeGreaterThan(40)
  expect(swaps).toEqual([])
  await flusher.close()
  expect(clock.timers).toBe(0)
})

test('a name whose look-up hangs from now on does not hide that another one has moved', async () => {
  let hangs = false
  let address = BLUE
  const { clock, swaps, driver } = await watching(
    {
      lookup: (host) => {
        if (host === 'db') return answered([address])
        return hangs ? new Promise(() => {}) : answered(['10.0.0.9'])
      },
    },
    { hosts: ['other', 'db'] },
  )
  await clock.advance(1_000)
  hangs = true
  await clock.advance(100)
  address = GREEN
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(200)
  expect(swaps).toEqual(['name moved'])
})

test('of several hosts, an address may be any one’s', async () => {
  const { clock, names, swaps, driver } = await watching({}, { hosts: ['db', 'other'] })
  names.other = [GREEN]
  await clock.advance(1_000)
  names.db = [GREEN]
  names.other = [BLUE]
  await clock.advance(1_000)
  expect(swaps).toEqual([])
  names.other = [GREEN]
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('a host that is given as an address beside a name is where a socket may be', async () => {
  const peers = [`${BLUE}:5432`, '[::1]:5432']
  const { clock, swaps } = await watching({}, { hosts: ['db', '[::1]'], peers })
  await clock.advance(5_000)
  expect(swaps).toEqual([])
})

test('addresses and Unix sockets are not looked up', async () => {
  const hosts = ['10.0.0.1', '::1', '[::1]', '/var/run/postgresql', '@abstract', '']
  const asked: string[] = []
  const lookup = (host: string) => {
    asked.push(host)
    return answered([GREEN])
  }
  const { clock, swaps } = await watching({ lookup }, { hosts })
  await clock.advance(5_000)
  expect(asked).toEqual([])
  expect(swaps).toEqual([])
})

test('nothing is looked up while nothing is connected, nor during a pause', async () => {
  let asked = 0
  const lookup = () => {
    asked++
    return answered([BLUE])
  }
  const { clock, driver, flusher } = await watching({ lookup })
  const [client] = driver.clients
  if (client === undefined) throw new Error('no client')
  client.connections = 0
  await clock.advance(5_000)
  expect(asked).toBe(0)
  client.connections = 1
  await clock.advance(100)
  expect(asked).toBe(1)
  flusher.pause()
  await clock.advance(5_000)
  expect(asked).toBe(1)
})

test('IPv6 and IPv4-mapped addresses are compared, not their spelling', async () => {
  const peers = ['::ffff:10.0.0.1:5432', 'fe80::1%eth0:5432', 'FD00::1:5432']
  const { clock, names, swaps, driver } = await watching({}, { peers })
  names.db = [BLUE, 'fe80::1', 'fd00::1']
  await clock.advance(5_000)
  expect(swaps).toEqual([])
  driver.peers_ = [`${BLUE}:5432`]
  names.db = [BLUE, 'fe80::1']
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('a name that has moved before the first look-up is found by it: what counts is where the sockets are', async () => {
  const { clock, names, swaps, driver } = await watching()
  names.db = [GREEN]
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('where the client does not tell, a name that has moved before the first poll is found too: it is asked at once', async () => {
  const { clock, names, swaps } = await watching({ endpoints: [{ host: 'db' }] }, { tells: false })
  names.db = [GREEN]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('and so is one that moves before the first poll after a pause', async () => {
  const { clock, flusher, names, swaps } = await watching({}, { tells: false })
  flusher.pause()
  flusher.resume()
  await clock.advance(0)
  names.db = [GREEN]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('where the client does not tell its addresses, another answer is a move; endpoints may be given', async () => {
  const { clock, names, swaps } = await watching({ endpoints: [{ host: 'db' }] }, { hosts: [], tells: false })
  await clock.advance(1_000)
  names.db = [GREEN]
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
  await clock.advance(1_000)
  expect(swaps).toEqual(['name moved', 'name settled'])
})

test('by default it looks up as drivers do, all addresses, by whatever `dns.lookup` is at that moment', async () => {
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((...args: unknown[]) => {
    const [host, options, callback] = args as [string, object, (error: null, addresses: object[]) => void]
    expect([host, options]).toEqual(['db', { all: true }])
    callback(null, [{ address: GREEN, family: 4 }])
  }) as never)
  onTestFinished(() => spy.mockRestore())
  const { clock, swaps } = await watching({ lookup: undefined as never })
  await clock.advance(100)
  expect(swaps).toEqual(['name moved'])
})

test('polls come after a random part of a period, and then of periods shortened by up to a tenth: a fleet does not align', async () => {
  const asked: number[] = []
  const clock = new ManualClock()
  const lookup = async () => {
    asked.push(clock.now())
    return answered([BLUE])
  }
  const endpoints = [{ host: 'db' }]
  const triggers = [nameMoved({ pollMs: 1_000, lookup, endpoints })]
  const draws = [0.5, 0.75, 0.2, 0]
  const random = () => draws.shift() ?? 0
  const driver = Object.assign(new ScriptedDriver(), { peers: () => undefined })
  const flusher = createFlusher(driver, { intervalMs: false, triggers }, { clock, random })
  onTestFinished(() => closeBy(clock, flusher))
  await flusher.run('query', async () => {})
  await clock.advance(2_300)
  const [first, second, third] = [950 * 0.25, 980, 1_000]
  expect(asked).toEqual([0, first, first + second, first + second + third])
})

test('without options it polls each second, and an answer has settled after five', async () => {
  const asked: number[] = []
  let address = BLUE
  const clock = new ManualClock()
  const driver = Object.assign(new ScriptedDriver(), { endpoints: () => [{ host: 'db', port: 5432 }] })
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((...args: unknown[]) => {
    const [, , callback] = args as [string, object, (error: null, addresses: object[]) => void]
    asked.push(clock.now())
    callback(null, [{ address, family: 4 }])
  }) as never)
  onTestFinished(() => spy.mockRestore())
  const flusher = createFlusher<FakeClient>(
    driver,
    { intervalMs: false, minGapMs: 0, triggers: [nameMoved()] },
    { clock, random: () => 0 },
  )
  onTestFinished(() => closeBy(clock, flusher))
  const swaps: string[] = []
  flusher.on('swap', ({ reason }) => swaps.push(`${reason} at ${clock.now()}`))
  await flusher.run('query', async (client) => {
    client.connections = 1
  })
  await clock.advance(2_500)
  expect(asked).toEqual([1_000, 2_000])
  address = GREEN
  driver.peers_ = [`${GREEN}:5432`]
  await clock.advance(10_000)
  expect(swaps).toEqual(['name moved at 3000', 'name settled at 8000'])
})

test('a look-up of the system that fails is told with its error', async () => {
  const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND db'), { code: 'ENOTFOUND', hostname: 'db' })
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((...args: unknown[]) => {
    const [, , callback] = args as [string, object, (error: Error) => void]
    callback(notFound)
  }) as never)
  onTestFinished(() => spy.mockRestore())
  const { clock, flusher, swaps } = await watching({ lookup: undefined as never })
  const told: unknown[] = []
  flusher.on('failed', (event) => told.push(event))
  await clock.advance(1_000)
  expect(told).toEqual([{ name: 'fake', reason: 'name-moved', step: 'trigger', error: notFound }])
  expect(swaps).toEqual([])
})

test('a client that fails to say what it was told, or is connected to, is told of: nobody else would hear of it', async () => {
  const { clock, driver, told } = await watching()
  const bug = () => {
    throw new Error('a bug of the driver')
  }
  const { endpoints } = driver
  driver.endpoints = bug
  await clock.advance(100)
  expect(told).toEqual(['name-moved'])
  driver.endpoints = endpoints
  await clock.advance(100)
  const { peers } = driver
  driver.peers = bug
  await clock.advance(100)
  driver.peers = peers
  expect(told).toEqual(['name-moved', 'peers'])
})

test.each<[unknown, typeof TypeError | typeof RangeError, string]>([
  [null, TypeError, 'Expected options of nameMoved to be an object, got null'],
  [{ pollMs: 0.5 }, RangeError, 'Expected `pollMs` to be a number from 1 to 2147483647, got 0.5'],
  [{ settleMs: Number.NaN }, RangeError, 'Expected `settleMs` to be a number from 0 to 2147483647, got NaN'],
  [{ pollms: 1 }, TypeError, 'Unknown option `pollms`; expected one of pollMs, settleMs, lookup, endpoints'],
  [{ lookup: 'dns' }, TypeError, "Expected `lookup` to be a function, got 'dns'"],
  [{ endpoints: 'db' }, TypeError, "Expected `endpoints` to be an array of { host }, got 'db'"],
  [{ endpoints: ['db'] }, TypeError, 'Expected `endpoints` to be an array of { host }, got an array'],
  [
    { endpoints: [{ host: 'db' }, undefined] },
    TypeError,
    'Expected `endpoints` to be an array of { host }, got an array',
  ],
  [{ endpoints: [{ host: 1 }] }, TypeError, 'Expected `endpoints` to be an array of { host }, got an array'],
  [
    { endpoints: [{ host: 'db' }, { host: '' }] },
    RangeError,
    'Expected `endpoints` to be an array of { host }, got an array',
  ],
])('nameMoved(%j) is refused at once', (options, kind, message) => {
  const call = () => nameMoved(options as never)
  expect(call).toThrow(kind)
  expect(call).toThrow(message)
})

test('the least and the most that its options may be are taken', () => {
  expect(nameMoved({ pollMs: 1, settleMs: 0, endpoints: [] }).name).toBe('name-moved')
  expect(nameMoved({ pollMs: 2 ** 31 - 1, settleMs: 2 ** 31 - 1, endpoints: [{ host: 'db' }] }).name).toBe('name-moved')
})

function answered(addresses: readonly string[]) {
  return Promise.resolve(addresses.map((address) => ({ address, family: 4 })))
}

/** A flusher whose client is told `hosts`, is connected to `peers`, and whose names a test moves. */
async function watching(
  options: NameMovedOptions = {},
  { hosts = ['db'], peers = [`${BLUE}:5432`], tells = true } = {},
) {
  const names: { db: string[]; other?: string[] } = { db: [BLUE] }
  const driver = Object.assign(new ScriptedDriver(), {
    endpoints: (): Endpoint[] => hosts.map((host) => ({ host, port: 5432 })),
  })
  driver.peers_ = peers
  if (!tells) Object.assign(driver, { peers: () => undefined })
  const clock = new ManualClock()
  const lookup = (host: string) => answered((host === 'db' ? names.db : names.other) ?? [])
  const trigger = nameMoved({ pollMs: 100, settleMs: 1_000, lookup, ...options })
  const flusher = createFlusher<FakeClient>(
    driver,
    { intervalMs: false, minGapMs: 0, triggers: [trigger] },
    { clock, random: () => 0 },
  )
  onTestFinished(() => closeBy(clock, flusher))
  const swaps: string[] = []
  const told: string[] = []
  flusher.on('swap', ({ reason }) => swaps.push(reason))
  flusher.on('failed', ({ reason }) => told.push(reason))
  await flusher.run('query', async (client) => {
    client.connections = 1
  })
  return { clock, driver, flusher, names, swaps, told }
}
