import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test, vi } from 'vitest'
import { Prisma } from '../../../../test/prisma/documented/postgresql/generated/client.ts'
import { withPeriodicFlush } from '../../src/index.ts'
import { alike, type Client, engines, outcome, type Settings, stage, swapped, withoutFigures } from './stage.ts'

const ids = { select: { id: true }, orderBy: { id: 'asc' } } as const

/** An extension of each kind, each of which says that it was there. */
const extensions = {
  model: Prisma.defineExtension({
    model: {
      user: { shout: (name: string) => name.toUpperCase() },
      $allModels: {
        async exists(this: unknown, where: object) {
          const model = Prisma.getExtensionContext(this) as unknown as {
            $name: string
            $parent: object
            count(args: object): Promise<number>
          }
          return [model.$name, typeof model.$parent, (await model.count({ where })) > 0]
        },
      },
    },
  }),
  client: Prisma.defineExtension((base) =>
    base.$extends({ client: { $total: () => base.$queryRaw`select 3 as total` } }),
  ),
  result: Prisma.defineExtension({
    result: {
      user: { label: { needs: { name: true, email: true }, compute: ({ name, email }) => `${name} <${email}>` } },
    },
  }),
  query: Prisma.defineExtension({
    query: {
      user: { findMany: ({ args, query }) => query({ ...args, where: { ...args.where, city: 'Berlin' } }) },
      $allModels: { count: async ({ args, query }) => Number(await query(args)) + 1_000 },
      async $queryRaw({ args, query, operation }) {
        return [operation, await query(args)]
      },
    },
  }),
  everyQuery: Prisma.defineExtension({
    name: 'every query',
    query: {
      async $allOperations({ model, operation, args, query }) {
        const given = await query(args)
        return model === undefined ? ['all', operation, given] : given
      },
      user: {
        async $allOperations({ model, operation, args, query }) {
          return [model, operation, await query(args)]
        },
      },
      async $executeRaw({ args, query, operation }) {
        return [operation, args.sql, await query(args)] as never
      },
      $queryRawUnsafe: ({ args, query }) => query(args),
      $executeRawUnsafe: ({ args, query }) => query(args),
    },
  }),
  everyModel: Prisma.defineExtension({
    result: { $allModels: { known: { compute: () => true } } },
    client: {
      $context(this: unknown) {
        return typeof Prisma.getExtensionContext(this)
      },
    },
  }),
  rls: Prisma.defineExtension((base) =>
    base.$extends({
      query: {
        $allModels: {
          async $allOperations({ args, query }) {
            const [, result] = await base.$transaction([base.$executeRaw`select 1`, query(args) as never])
            return result
          },
        },
      },
    }),
  ),
}

interface Extended extends Client {
  $total(): Promise<unknown>
  user: Client['user'] & { shout(name: string): string; exists(where: object): Promise<unknown> }
}

/** What the extensions do to a client. */
async function shown(prisma: Extended, flush: () => Promise<unknown>): Promise<unknown> {
  const before = [prisma.user.shout('a'), await prisma.user.exists({ id: 1 }), await prisma.$total()]
  await flush()
  const users = await prisma.user.findMany({ orderBy: { id: 'asc' }, select: { id: true, label: true } as never })
  return [before, users, await prisma.$queryRaw`select 1 as n`, await prisma.post.count(), typeof prisma.$on]
}

type Extends = { $extends(extension: unknown): Extends }
const extend = (client: unknown, ...given: unknown[]) =>
  given.reduce<Extends>((extended, extension) => extended.$extends(extension), client as Extends)

const all: Settings = { log: (['query', 'info', 'warn', 'error'] as const).map((level) => ({ level, emit: 'event' })) }

/** All that a client tells of what `work` does; times aside. */
async function told(prisma: Client, work: () => unknown): Promise<unknown> {
  const events: unknown[] = []
  for (const level of ['query', 'info', 'warn', 'error'] as const) {
    prisma.$on(level, ({ timestamp, ...event }: { timestamp: Date; duration?: number }) => {
      const { duration, ...rest } = event
      events.push([level, rest, timestamp instanceof Date, typeof duration])
    })
  }
  await outcome(work)
  return events
}

describe.each(engines)('a client of $name', (engine) => {
  const on = stage(engine)
  const { model, client, result, query, rls } = extensions

  /** Resolves when the server has seen off everybody. */
  const gone = () => {
    const database = new URL(on.server.url()).pathname.slice(1)
    return expect.poll(() => on.server.backends({ database }), { timeout: 20_000 }).toEqual([])
  }

  test('extensions of each kind work before and after wrapping, in each order', async () => {
    await on.reset()
    const none = async () => {}
    const given = [model, client, result, query]
    const bare = withoutFigures(await shown(extend(on.bare(), ...given) as unknown as Extended, none))
    const options = { intervalMs: false } as const
    const orders = [
      extend(on.flushing(), ...given),
      ...given.map((_, index) =>
        extend(on.bare(), ...given.slice(0, index), withPeriodicFlush(options), ...given.slice(index)),
      ),
      extend(on.bare(), ...given, withPeriodicFlush(options)),
      withPeriodicFlush(extend(on.bare(), ...given) as unknown as Client, options),
    ]
    for (const each of orders as unknown as (Extended & ReturnType<typeof on.flushing>)[]) {
      expect(withoutFigures(await shown(each, () => each.$flush(swapped)))).toEqual(bare)
      expect(each.$flusher.stats()).toMatchObject({ flushes: 1, leases: 0 })
    }
  })

  test('queries of all operations, of a model and raw ones, and results of all models, also in transactions', async () => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) => {
      const extended = extend(prisma, extensions.everyQuery, extensions.everyModel) as unknown as Client & {
        $context(): string
      }
      const uses = async (within: typeof extended) => [
        await within.user.findMany(ids),
        await within.post.findFirst({ select: { id: true, known: true } as never, orderBy: { id: 'asc' } }),
        await within.$executeRaw`select 1`,
        await within.$executeRawUnsafe('select 1'),
        await within.$queryRawUnsafe('select 1 as n'),
      ]
      const before = await uses(extended)
      await flush()
      const inside = await extended.$transaction(async (tx) => {
        await tx.post.count()
        await flush()
        return uses(tx as typeof extended)
      })
      return [extended.$context(), before, inside, await extended.$transaction([extended.user.findMany(ids)])]
    }
    expect(await alike(on, work)).toHaveProperty('gave')
  })

  test.each([0, 1])('queryPlanCacheMaxSize: %i', async (queryPlanCacheMaxSize) => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) => {
      const seen = async () => [
        await prisma.user.findMany(ids),
        await prisma.post.count(),
        await prisma.user.findMany(ids),
      ]
      const before = await seen()
      await flush()
      return [before, await seen()]
    }
    expect(await alike(on, work, { settings: { queryPlanCacheMaxSize } })).toHaveProperty('gave')
  })

  test('an option that there is not is refused by Prisma itself', () => {
    expect(() => on.bare({ datasourceUrl: 'postgres://localhost' } as never)).toThrow('datasourceUrl')
  })

  test('an extension that runs each operation in a batch, as for row-level security', () =>
    alike(on, async (prisma, flush) => {
      const extended = extend(prisma, rls) as unknown as Client
      const before = await extended.user.findMany(ids)
      await flush()
      return [before, await extended.user.update({ where: { id: 1 }, data: { name: 'A' } })]
    }))

  test('clients that are made of one client share its connections and its flush', async () => {
    const prisma = on.flushing()
    const [one, other] = [extend(prisma, model), extend(prisma, query)] as unknown as [Client, Client]
    await Promise.all([one.post.count(), other.post.findMany()])
    await prisma.$flush()
    await one.post.count()
    expect(prisma.$flusher.stats()).toMatchObject({ generation: 2 })
  })

  test('omit for all', () =>
    alike(on, (prisma) => prisma.user.findMany(), { settings: { omit: { user: { pets: true } } } }))

  test.each(['pretty', 'colorless', 'minimal'] as const)('errorFormat: %s', async (errorFormat) => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) => {
      await prisma.user.count()
      await flush()
      return prisma.user.create({ data: { email: 'bob@prisma.io', city: 'Rome', country: 'Italy' } })
    }
    expect(await alike(on, work, { settings: { errorFormat } })).toMatchObject({ code: 'P2002' })
  })

  test('log events tell of the user’s statements and errors, and of none of a flush', async () => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) =>
      told(prisma, async () => {
        await prisma.user.findMany({ include: { posts: true } })
        await flush()
        await Promise.all([1, 2].map((id) => prisma.user.findUnique({ where: { id } })))
        await prisma.$transaction(async (tx) => {
          await tx.user.count()
          await flush()
          await tx.user.update({ where: { id: 1 }, data: { name: 'A' } })
        })
        await flush()
        await prisma.user.delete({ where: { id: 99 } })
      })
    expect(JSON.stringify(await alike(on, work, { settings: all }))).toMatch(/"error".*P2025|"error"/)
  })

  test('log to stdout', async () => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) => {
      const log = vi.spyOn(console, 'log').mockImplementation(() => {})
      await prisma.user.count()
      await flush()
      await prisma.post.count()
      const lines = log.mock.calls.map((line) => line.join(' '))
      log.mockRestore()
      return lines
    }
    expect(await alike(on, work, { settings: { log: ['query', 'info'] } })).toMatchObject({ gave: { length: 2 } })
  })

  test('a query does not run before it is awaited', () =>
    alike(
      on,
      (prisma, flush) =>
        told(prisma, async () => {
          const written = prisma.user.count()
          await prisma.post.count()
          await flush()
          await written
          await written
        }),
      { settings: all },
    ))

  test('comments of plugins are sent, with what the caller’s context says', async () => {
    const context = new AsyncLocalStorage<string>()
    const settings: Settings = {
      ...all,
      comments: [
        ({ query }) => ({ model: query.type === 'single' ? query.modelName : 'several' }),
        () => ({ route: context.getStore() }),
      ],
    }
    // A query runs where it is awaited.
    const counted = (query: PromiseLike<number>) => query.then((count) => count)
    const work = (prisma: Client, flush: () => Promise<unknown>) =>
      told(prisma, async () => {
        await context.run('/users', () => counted(prisma.user.count()))
        await flush()
        await context.run('/posts', () => counted(prisma.post.count()))
        await prisma.$transaction(async (tx) => {
          await flush()
          await context.run('/inside', () => counted(tx.post.count()))
        })
      })
    const seen = JSON.stringify(await alike(on, work, { settings }))
    for (const comment of [`model='User',route='%2Fusers'`, `route='%2Fposts'`, `route='%2Finside'`]) {
      expect(seen).toContain(comment)
    }
  })

  test('the exit hook of earlier versions is refused by Prisma itself', () =>
    alike(on, (prisma) => prisma.$on('beforeExit' as never, () => {})))

  test('$connect and $disconnect, once, twice, at once and again', async () => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) => {
      await prisma.$connect()
      await prisma.$connect()
      await Promise.all([prisma.user.count(), prisma.$connect()])
      await flush()
      await prisma.$disconnect()
      await prisma.$disconnect()
      await gone()
      const again = await Promise.all([prisma.user.count(), prisma.$connect()])
      await Promise.all([prisma.$disconnect(), prisma.$disconnect()])
      return again
    }
    expect(await alike(on, work)).toMatchObject({ gave: [3, null] })
  })

  test('$disconnect lets what runs end, and cancels a transaction', () =>
    alike(on, async (prisma) => {
      await prisma.user.count()
      const running = outcome(() => prisma.$queryRaw`select count(*) as n from information_schema.columns a`)
      const cancelled = outcome(() =>
        prisma.$transaction(async (tx) => {
          await tx.user.update({ where: { id: 1 }, data: { name: 'never' } })
          await prisma.$disconnect()
          await tx.user.count()
        }),
      )
      const ends = [Object.keys((await running) as object), await cancelled]
      return [ends, await prisma.user.findUnique({ where: { id: 1 }, select: { name: true } })]
    }))

  test('clients that share an adapter factory share its flushes, until the last has gone', async () => {
    const adapter = engine.factory(on.server.url())
    const one = on.flushing({}, {}, adapter)
    const other = on.bare({}, adapter)
    await Promise.all([one.user.count(), other.user.count()])
    await one.$disconnect()
    expect(await other.user.count()).toBe(3)
    await one.$flush()
    expect(one.$flusher.stats()).toMatchObject({ generation: 2 })
    await other.$disconnect()
    await gone()
  })

  test.each([
    ['P1001, where no server is', (url: URL) => Object.assign(url, { port: '1' })],
    ['P1003, where there is no such database', (url: URL) => Object.assign(url, { pathname: '/nowhere' })],
    ['P1000, with a wrong password', (url: URL) => Object.assign(url, { username: 'nobody', password: 'wrong' })],
  ])('%s', async (name, wrong) => {
    const factory = () => engine.factory(wrong(new URL(on.server.url())).href, 500)
    const work = async (prisma: Client) => [
      await outcome(() => prisma.$connect()),
      await outcome(() => prisma.user.count()),
      await outcome(() => prisma.$transaction(async (tx) => tx.user.count())),
    ]
    await on.reset()
    const expected = await work(on.bare({}, factory()))
    const flushing = on.flushing({}, {}, factory())
    expect(withoutFigures(await work(flushing))).toEqual(withoutFigures(expected))
    expect(flushing.$flusher.stats()).toMatchObject({ leases: 0, waiting: 0 })
    // MariaDB's pool goes on trying, until its own time is over.
    if (engine.name === 'postgresql') expect(JSON.stringify(expected)).toContain(name.slice(0, 5))
  })

  test('a connection that is killed in a statement fails it as natively, and the next one works', async () => {
    const work = async (prisma: Client) => {
      await prisma.user.count()
      const asked = outcome(() =>
        engine.name === 'postgresql' ? prisma.$queryRaw`select pg_sleep(60)::text` : prisma.$queryRaw`select sleep(60)`,
      )
      const database = new URL(on.server.url()).pathname.slice(1)
      const sleeping = () => on.server.backends({ database })
      await expect.poll(async () => (await sleeping()).some(({ query }) => query.includes('sleep(60)'))).toBe(true)
      await on.server.killBackends({ database })
      const { message, ...failed } = (await asked) as { message: string }
      return [failed, message.replaceAll(/\d+/g, 'n'), await prisma.user.count()]
    }
    await on.reset()
    const expected = await work(on.bare())
    expect(await work(on.flushing())).toEqual(expected)
  })
})
