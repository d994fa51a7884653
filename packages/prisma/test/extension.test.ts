import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { later } from '../../../test/later.ts'
import { PrismaClient } from '../../../test/prisma/generated/client.ts'
import { type Flushable, flushingAdapter, withPeriodicFlush } from '../src/index.ts'

const tables = `
  create table "User" (id serial primary key, email text not null unique);
  create table "Post" (id serial primary key, title text not null, "authorId" int not null references "User")`

const options = { intervalMs: false } as const
const pidOf = (prisma: Pick<PrismaClient, '$queryRaw'>) =>
  prisma.$queryRaw<{ pid: number }[]>`select pg_backend_pid() as pid`.then(([row]) => row?.pid)

let server: PostgresServer
let connectionString: string
const clients: { $disconnect(): Promise<void> }[] = []

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())
beforeEach(async () => {
  const database = await server.createDatabase()
  await server.query(tables, [], database)
  connectionString = server.url({ database })
})
afterEach(() => Promise.all(clients.splice(0).map((client) => client.$disconnect())))

function client() {
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString }),
    log: [{ emit: 'event', level: 'query' }],
  })
  clients.push(prisma)
  return prisma
}

test('models, nested writes, batches and interactive transactions work across flushes', async () => {
  const prisma = withPeriodicFlush(client(), options)
  const user = await prisma.user.create({ data: { email: 'a@b', posts: { create: [{ title: 'one' }] } } })
  await prisma.$flush()
  const [posts, count] = await prisma.$transaction([
    prisma.post.findMany({ where: { authorId: user.id } }),
    prisma.user.count(),
  ])
  expect(posts.map(({ title }) => title)).toEqual(['one'])
  expect(count).toBe(1)
  await prisma.$transaction(async (tx) => {
    await tx.post.create({ data: { title: 'two', authorId: user.id } })
    await prisma.$flush({ wait: 'swapped' })
    expect(await tx.post.count()).toBe(2)
    expect(await prisma.post.count()).toBe(1)
  })
  expect(await prisma.post.count()).toBe(2)
})

test('a batch written before a flush runs after it', async () => {
  const prisma = withPeriodicFlush(client(), options)
  const writes = [prisma.user.create({ data: { email: 'a@b' } }), prisma.user.create({ data: { email: 'c@d' } })]
  await prisma.$flush()
  await prisma.$transaction(writes)
  expect(await prisma.user.count()).toBe(2)
})

test('extensions before and after wrapping, and $on before it, stay', async () => {
  const queries: string[] = []
  const base = client()
  base.$on('query', ({ query }) => queries.push(query))
  const prisma = base
    .$extends({ model: { user: { before: () => 'before' } } })
    .$extends(withPeriodicFlush(options))
    .$extends({ model: { user: { after: () => 'after' } } })
  expect([prisma.user.before(), prisma.user.after()]).toEqual(['before', 'after'])
  const pid = await pidOf(prisma)
  await prisma.$flush()
  expect(await pidOf(prisma)).not.toBe(pid)
  expect(prisma.$flusher.stats()).toMatchObject({ generation: 2, flushes: 1 })
  expect(queries).toContain('select pg_backend_pid() as pid')
})

test('a wrapped client is the client that was given: $on works after it, and what is made of it can be flushed', async () => {
  const base = client()
  const prisma = withPeriodicFlush(base, options)
  expect(prisma).toBe(base)
  const queries: string[] = []
  base.$on('query', ({ query }) => queries.push(query))
  const extended = prisma.$extends({ query: { $allOperations: ({ args, query }) => query(args) } })
  const pid = await pidOf(base)
  await (extended as unknown as typeof prisma).$flush()
  expect(await pidOf(prisma)).not.toBe(pid)
  expect(queries).toContain('select pg_backend_pid() as pid')
})

test('a client that was extended before can be wrapped', async () => {
  const prisma = withPeriodicFlush(client().$extends({ model: { user: { before: () => 'before' } } }), options)
  expect(prisma.user.before()).toBe('before')
  const pid = await pidOf(prisma)
  await prisma.$flush()
  expect(await pidOf(prisma)).not.toBe(pid)
})

test('a client that was connected already lets go of what it had', async () => {
  const base = client()
  const pid = await pidOf(base)
  const prisma = withPeriodicFlush(base, options)
  expect(await pidOf(prisma)).not.toBe(pid)
  expect(prisma.$flusher.stats().generation).toBe(1)
  const alive = await server.backends({ database: new URL(connectionString).pathname.slice(1) })
  expect(alive.map(({ pid }) => pid)).not.toContain(pid)
})

/** A client whose `$disconnect` is that of a subclass or of an extension, each of which tells when it is called. */
const disconnected = vi.fn()
class Service extends PrismaClient {
  constructor() {
    super({ adapter: new PrismaPg({ connectionString }) })
    clients.push(this)
  }

  override async $disconnect() {
    disconnected()
    await super.$disconnect()
  }
}
const closing = () => {
  const base = client()
  const $disconnect = async () => {
    disconnected()
    await base.$disconnect()
  }
  return base.$extends({ client: { $disconnect } })
}

test.each([
  ['a subclass', () => new Service()],
  ['an extension', closing],
  ['an extension of a subclass', () => new Service().$extends({ model: { user: { before: () => 'before' } } })],
])('wrapping lets go of what was connected already without the $disconnect of %s', async (_, make) => {
  const base = make() as Pick<PrismaClient, '$extends' | '$disconnect' | '$queryRaw'>
  const pid = await pidOf(base)
  disconnected.mockClear()
  const prisma = withPeriodicFlush(base, options)
  expect(await pidOf(prisma)).not.toBe(pid)
  const alive = await server.backends({ database: new URL(connectionString).pathname.slice(1) })
  expect(alive.map(({ pid }) => pid)).not.toContain(pid)
  expect(disconnected).not.toHaveBeenCalled()
  await prisma.$disconnect()
  expect(disconnected).toHaveBeenCalledOnce()
})

test('after $disconnect the next query starts anew, and listeners stay', async () => {
  const prisma = withPeriodicFlush(client(), options)
  const swaps: number[] = []
  prisma.$flusher.on('swap', ({ generation }) => swaps.push(generation))
  await prisma.user.count()
  await prisma.$flush()
  await prisma.$disconnect()
  expect(await prisma.user.count()).toBe(0)
  await prisma.$flush()
  expect(swaps).toEqual([2, 2])
})

test('after $flusher.close() queries fail with CLOSED', async () => {
  const prisma = withPeriodicFlush(client(), options)
  await prisma.user.count()
  await prisma.$flusher.close()
  await expect(prisma.user.count()).rejects.toThrow('used after $flusher.close()')
})

test('a second wrap of one client or factory is refused', () => {
  const base = client()
  withPeriodicFlush(base, options)
  const refusal = expect.objectContaining({
    code: 'UNSUPPORTED_CLIENT',
    message: expect.stringContaining('wrapped already'),
  })
  expect(() => withPeriodicFlush(base, options)).toThrow(refusal)
  const wrapped = flushingAdapter(new PrismaPg({ connectionString }), options)
  expect(() => flushingAdapter(wrapped, options)).toThrow(refusal)
})

test('a client on accelerateUrl is refused with the way out', () => {
  const prisma = new PrismaClient({ accelerateUrl: 'prisma://accelerate.example/?api_key=k3y' })
  expect(() => withPeriodicFlush(prisma, options)).toThrow(
    expect.objectContaining({
      code: 'UNSUPPORTED_CLIENT',
      message: expect.stringMatching(/accelerateUrl.*flushingAdapter/),
    }),
  )
})

test('an adapter around an existing pool is found out, and the pool lives on', async () => {
  const pool = new pg.Pool({ connectionString })
  const prisma = withPeriodicFlush(
    new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) }),
    options,
  )
  await prisma.$queryRaw`select 1`
  const listening = pool.listenerCount('error')
  for (let times = 0; times < 3; times++) await expect(prisma.$flush()).rejects.toMatchObject({ code: 'SAME_CLIENT' })
  expect(pool.listenerCount('error')).toBe(listening)
  await prisma.$queryRaw`select 1`
  await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
  await prisma.$disconnect()
})

test('an existing pool is left as it is when the client disconnects or is closed', async () => {
  const pool = new pg.Pool({ connectionString })
  const held = await pool.connect()
  const prisma = withPeriodicFlush(new PrismaClient({ adapter: new PrismaPg(pool) }), options)
  for (let times = 0; times < 2; times++) {
    const pid = await pidOf(prisma)
    await prisma.$disconnect()
    expect((await held.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await pool.query('select pg_backend_pid() as pid')).rows).toEqual([{ pid }])
  }
  const sleeping = prisma.$queryRaw`select pg_sleep(60)::text`.catch((error: unknown) => error)
  const database = new URL(connectionString).pathname.slice(1)
  await expect
    .poll(async () => (await server.backends({ database })).some(({ query }) => query.includes('pg_sleep')))
    .toBe(true)
  await prisma.$flusher.close({ deadlineMs: 0 })
  expect(await sleeping).toMatchObject({ message: expect.stringContaining('cut') })
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  // Its connection was dropped, and whoever else used the pool is not concerned.
  expect(pool.totalCount).toBe(2)
  expect(pool.listenerCount('connect')).toBe(1)
  held.release()
  await pool.end()
  await server.killBackends({ database })
})

test('an existing pool that its owner is ending keeps no client from disconnecting, and keeps what is in use', async () => {
  const pool = new pg.Pool({ connectionString })
  const prisma = withPeriodicFlush(new PrismaClient({ adapter: new PrismaPg(pool) }), options)
  await pidOf(prisma)
  const held = await pool.connect()
  const ended = pool.end()
  await prisma.$disconnect()
  expect((await held.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  held.release()
  await ended
})

test.each<[string, (flush: (prisma: Flushable) => Promise<unknown>) => Promise<void>]>([
  [
    'a wrapped client',
    async (flush) => {
      const prisma = withPeriodicFlush(client(), options)
      await flush(prisma)
      await prisma.$disconnect()
    },
  ],
  [
    'what is made of one',
    async (flush) => {
      const prisma = withPeriodicFlush(client(), options)
      await flush(prisma)
      await prisma.$extends({}).$disconnect()
    },
  ],
  [
    'a client that was extended first',
    async (flush) => {
      const prisma = withPeriodicFlush(client().$extends({}), options)
      await flush(prisma)
      await prisma.$disconnect()
    },
  ],
  [
    'a client with the extension, and more of them',
    async (flush) => {
      const prisma = client().$extends(withPeriodicFlush(options)).$extends({})
      await flush(prisma)
      await prisma.$disconnect()
    },
  ],
])('$disconnect of %s also ends what only a flush has opened', async (_, use) => {
  const database = new URL(connectionString).pathname.slice(1)
  await use(async (prisma) => {
    await prisma.$flush()
    expect(await server.backends({ database })).toHaveLength(1)
  })
  expect(await server.backends({ database })).toEqual([])
})

test('a function is asked for an adapter at every flush; an async one is awaited first', async () => {
  let asked = 0
  const next = () => new PrismaPg({ connectionString, application_name: `client ${++asked}` })
  const nameOf = (prisma: PrismaClient) =>
    prisma.$queryRaw<{ name: string }[]>`select current_setting('application_name') as name`.then(([row]) => row?.name)
  for (const adapter of [flushingAdapter(next, options), await flushingAdapter(async () => next(), options)]) {
    asked = 1
    const prisma = new PrismaClient({ adapter })
    clients.push(prisma)
    expect(await nameOf(prisma)).toMatch('client')
    await adapter.$flush()
    expect(await nameOf(prisma)).toBe('client 2')
    await adapter.$flush()
    expect(await nameOf(prisma)).toBe('client 3')
  }
  await expect(flushingAdapter(async () => Promise.reject(new Error('no token')))).rejects.toThrow('no token')
  await expect(flushingAdapter(async () => flushingAdapter(next, options))).rejects.toThrow('wrapped already')
})

test('so is it by a first use that comes later than the interval', async () => {
  let url = 'postgres://nobody:nothing@127.0.0.1:1/none'
  const late = new PrismaClient({ adapter: flushingAdapter(() => new PrismaPg({ connectionString: url })) })
  const inTime = new PrismaClient({ adapter: flushingAdapter(() => new PrismaPg({ connectionString: url })) })
  clients.push(late, inTime)
  url = connectionString
  await expect(pidOf(inTime)).rejects.toThrow('127.0.0.1:1')
  later(31_000)
  await expect(pidOf(late)).resolves.toBeGreaterThan(0)
})

test('the user name and password of a role change while queries run: none fails, and the old role lets go', async () => {
  const database = new URL(connectionString).pathname.slice(1)
  let credentials = { user: 'old_role', password: 'old password' }
  await server.query(`create role old_role login password 'old password'`)
  const adapter = await flushingAdapter(async () => {
    const { host, port } = server
    return new PrismaPg({ host, port, database, ...credentials })
  }, options)
  const prisma = new PrismaClient({ adapter })
  clients.push(prisma)
  let asking = true
  const callers = Array.from({ length: 8 }, async () => {
    let answered = 0
    for (; asking; answered++) await prisma.$queryRaw`select 1`
    return answered
  })
  // Nobody may be connecting when the old password ends.
  while ((await server.backends({ user: 'old_role' })).length < 8) await pidOf(prisma)
  await server.query(`create role new_role login password 'new password'`)
  credentials = { user: 'new_role', password: 'new password' }
  await server.query(`alter role old_role password 'changed'`)
  await adapter.$flush()
  expect(await server.backends({ user: 'old_role' })).toEqual([])
  expect(await server.backends({ user: 'new_role' })).not.toEqual([])
  await server.query('drop role old_role')
  asking = false
  for (const answered of await Promise.all(callers)) expect(answered).toBeGreaterThan(0)
})

test('$disconnect can be spied on, as before', async () => {
  const prisma = withPeriodicFlush(client(), options)
  const spy = vi.spyOn(prisma, '$disconnect')
  await prisma.$disconnect()
  expect(spy).toHaveBeenCalledOnce()
  spy.mockRestore()
})

test('wrong arguments give one clear error at the call', () => {
  expect(() => withPeriodicFlush({ intervalMs: -1 })).toThrow(RangeError)
  expect(() => withPeriodicFlush(client(), { intervalMs: -1 })).toThrow(RangeError)
})
