import { AsyncLocalStorage } from 'node:async_hooks'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import { readReplicas } from '@prisma/extension-read-replicas'
import { queryTags, withQueryTags } from '@prisma/sqlcommenter-query-tags'
import { describe, expect, test } from 'vitest'
import { flushAll } from '../../../core/src/index.ts'
import { withPeriodicFlush } from '../../src/index.ts'
import { alike, type Client, engines, outcome, stage, swapped } from './stage.ts'

type Work = (prisma: Client, flush: () => Promise<unknown>) => unknown

/** A flush asks this of a fresh client. */
const isCheck = (sql: string) => sql === 'SELECT 1'

/** An adapter's options, and what is then to be seen. */
type PgOptions = ConstructorParameters<typeof PrismaPg>[1]

const databaseOf = (url: string) => new URL(url).pathname.slice(1)

for (const engine of engines.filter(({ name }) => name === 'postgresql')) {
  describe('what adapter-pg takes', () => {
    const on = stage(engine)
    const made = (options: PgOptions, max = 3) => ({
      factory: () => new PrismaPg({ connectionString: on.server.url(), max }, options),
    })

    test('a connection string', async () => {
      const factory = () => new PrismaPg(on.server.url())
      expect(await alike(on, (prisma) => prisma.user.count(), { factory })).toEqual({ gave: 3 })
    })

    test('schema: of the tables, and P2021 where they are not', async () => {
      const work: Work = async (prisma, flush) => {
        await prisma.$queryRaw`select 1`
        await flush()
        return prisma.user.count()
      }
      await on.server.query('create schema if not exists other')
      await on.server.query('create table if not exists other."User" (like "User")')
      expect(await alike(on, work, made({ schema: 'other' }))).toEqual({ gave: 0 })
      expect(await alike(on, work, made({ schema: 'nowhere' }))).toMatchObject({ code: 'P2021' })
    })

    test.each(['onPoolError', 'onConnectionError'] as const)(
      '%s hears of what the server ends, and of no flush',
      async (name) => {
        const heard = async (using: (options: PgOptions) => { prisma: Client; flush: () => Promise<unknown> }) => {
          const errors: string[] = []
          // That the socket has closed is heard too, if it closes before the adapter has let go of the connection.
          const hear = ({ message }: Error) => message.startsWith('Connection terminated') || errors.push(message)
          const { prisma, flush } = using({ [name]: hear })
          for (let times = 0; times < 2; times++) {
            await prisma.user.count()
            await flush()
            await prisma.user.count()
            const kill = () => on.server.killBackends({ database: databaseOf(on.server.url()) })
            if (name === 'onPoolError') await kill()
            else
              await outcome(() =>
                prisma.$transaction((tx) =>
                  tx.user
                    .count()
                    .then(kill)
                    .then(() => tx.user.count()),
                ),
              )
            await expect.poll(() => errors.length).toBeGreaterThan(times)
          }
          return errors
        }
        const bare = await heard((options) => ({ prisma: on.bare({}, made(options).factory()), flush: async () => {} }))
        const flushed = await heard((options) => {
          const prisma = on.flushing({}, {}, made(options).factory())
          return { prisma, flush: () => prisma.$flush() }
        })
        expect(flushed).toEqual(bare)
      },
    )

    test('onPoolError hears nothing of connections that a flush cuts', async () => {
      const errors: Error[] = []
      const prisma = on.flushing({}, {}, made({ onPoolError: (error) => errors.push(error) }).factory())
      await Promise.all([prisma.user.count(), prisma.post.count()])
      const hanging = outcome(() => prisma.$queryRaw`select pg_sleep(60)::text`)
      const database = databaseOf(on.server.url())
      await expect
        .poll(async () => (await on.server.backends({ database })).some(({ query }) => query.includes('pg_sleep')))
        .toBe(true)
      await prisma.$flush({ deadlineMs: 0, onDeadline: 'cut' })
      await hanging
      expect(errors).toEqual([])
      await on.server.killBackends({ database })
    })

    test('statementNameGenerator: statements are prepared under its names, in each generation', async () => {
      const work: Work = async (prisma, flush) => {
        const names = () => prisma.$queryRaw`select name from pg_prepared_statements order by name`
        await prisma.user.count()
        await prisma.user.count()
        const before = await names()
        await flush()
        await prisma.user.count()
        return [before, await names()]
      }
      const named = made({ statementNameGenerator: ({ sql }) => (isCheck(sql) ? '' : `s${sql.length}`) }, 1)
      expect(JSON.stringify(await alike(on, work, named))).toMatch(/"s\d+"/)
    })

    test('statementNameGenerator is called in the context of the caller, also of one that has waited', async () => {
      const context = new AsyncLocalStorage<string>()
      const seen = async (client: (factory: PrismaPg) => Client) => {
        const calls: string[] = []
        const generator = ({ sql }: { sql: string }) => {
          calls.push(`${sql} ${context.getStore()}`)
          return ''
        }
        const prisma = client(made({ statementNameGenerator: generator }, 1).factory())
        const asked = ['a', 'b', 'c'].map((name) =>
          context.run(name, async () => prisma.$queryRawUnsafe(`select '${name}'`)),
        )
        await Promise.all(asked)
        return calls
      }
      const expected = await seen((factory) => on.bare({}, factory))
      expect(expected).toEqual([`select 'a' a`, `select 'b' b`, `select 'c' c`])
      expect(await seen((factory) => on.flushing({}, {}, factory))).toEqual(expected)
    })

    test('userDefinedTypeParser, which asks the database itself', async () => {
      await on.server.query(`drop type if exists pair; create type pair as (a int, b int)`)
      const options: PgOptions = {
        async userDefinedTypeParser(oid, value, adapter) {
          const query = { sql: `select typname::text from pg_type where oid = ${oid}`, args: [], argTypes: [] }
          return `${(await adapter.queryRaw(query)).rows[0]?.[0]} ${value}`
        },
      }
      const work: Work = async (prisma, flush) => {
        const asked = () => prisma.$queryRaw`select row(1, 2)::pair as p`
        const before = await asked()
        const flushed = flush()
        return [
          before,
          await asked(),
          await flushed.then(asked),
          await prisma.$transaction(async (tx) => tx.$queryRaw`select row(3, 4)::pair as p`),
        ]
      }
      expect(await alike(on, work, made(options))).toMatchObject({ gave: { length: 4 } })
    })

    test('query tags of the first-party plugin', async () => {
      const work: Work = async (prisma, flush) => {
        const texts: string[] = []
        prisma.$on('query', ({ query }) => texts.push(query))
        await withQueryTags({ route: '/a' }, () => prisma.user.count())
        await flush()
        await withQueryTags({ route: '/b' }, () => prisma.user.count())
        return texts
      }
      const settings = { comments: [queryTags()], log: [{ emit: 'event', level: 'query' }] as never }
      expect(JSON.stringify(await alike(on, work, { settings }))).toMatch(/route='%2Fa'.*route='%2Fb'/)
    })
  })

  describe('read replicas', () => {
    const on = stage(engine)
    const replica = stage(engine)

    /** Who answers: the server of reads, or that of writes. */
    async function answers(prisma: Client & { $primary(): Client; $replica(): Client }): Promise<unknown> {
      const port = (client: Pick<Client, '$queryRaw'>) => client.$queryRaw`select inet_server_port() as port`
      const written = await prisma.user.create({
        data: { email: 'x@y', city: 'x', country: 'y' },
        select: { email: true },
      })
      const counts = [
        await prisma.user.count(),
        await prisma.$primary().user.count(),
        await prisma.$replica().user.count(),
        await prisma.$transaction(async (tx) => tx.user.count()),
        (await prisma.$transaction([prisma.user.count()]))[0],
      ]
      await prisma.user.delete({ where: { email: 'x@y' } })
      return [written, counts, [await port(prisma), await port(prisma.$primary()), await port(prisma.$replica())]]
    }

    test('of flushing clients, extended before or after', async () => {
      await Promise.all([on.reset(), replica.reset()])
      const options = { intervalMs: false } as const
      const plain = on.bare().$extends(readReplicas({ replicas: [replica.bare()] as never })) as never
      const expected = await answers(plain)
      expect(expected).toMatchObject([{ email: 'x@y' }, [3, 4, 3, 4, 4], expect.anything()])
      const replicas = () => [replica.flushing(), replica.flushing()]
      const given = [replicas(), replicas(), replicas()]
      const [one = [], two = [], three = []] = given
      const each = [
        on.flushing().$extends(readReplicas({ replicas: one as never })),
        on
          .bare()
          .$extends(withPeriodicFlush(options))
          .$extends(readReplicas({ replicas: two as never })),
        withPeriodicFlush(on.bare().$extends(readReplicas({ replicas: three as never })) as never, options),
      ] as unknown as (Parameters<typeof answers>[0] & ReturnType<typeof on.flushing>)[]
      for (const [index, prisma] of each.entries()) {
        await prisma.$connect()
        expect(await answers(prisma)).toEqual(expected)
        const reports = await flushAll([prisma, ...(given[index] ?? [])])
        expect(reports).toMatchObject([{ status: 'flushed' }, { status: 'flushed' }, { status: 'flushed' }])
        expect(await answers(prisma)).toEqual(expected)
        await prisma.$disconnect()
      }
    })
  })
}

for (const engine of engines.filter(({ name }) => name === 'mysql')) {
  describe('what adapter-mariadb takes', () => {
    const on = stage(engine)
    const url = () => `${on.server.url().replace('mysql:', 'mariadb:')}?connectionLimit=2`
    const read: Work = async (prisma, flush) => {
      const before = await prisma.everything.findMany({ orderBy: { id: 'asc' } })
      await flush()
      return [before, await prisma.everything.findMany({ orderBy: { id: 'asc' } })]
    }

    test('a connection string', async () => {
      expect(await alike(on, read, { factory: () => new PrismaMariaDb(url()) })).toHaveProperty('gave')
    })

    test('database: of the tables, and an error where they are not', async () => {
      const factory = (database: string) => () => new PrismaMariaDb(url(), { database })
      expect(await alike(on, read, { factory: factory(on.server.database) })).toHaveProperty('gave')
      expect(await alike(on, read, { factory: factory('nowhere') })).toHaveProperty('failed')
    })

    test('useTextProtocol', async () => {
      const factory = () => new PrismaMariaDb(url(), { useTextProtocol: true })
      expect(await alike(on, read, { factory })).toHaveProperty('gave')
    })

    test('onConnectionError hears of what the server ends in a transaction, and of no flush', async () => {
      const heard = async (client: (factory: PrismaMariaDb) => { prisma: Client; flush: () => Promise<unknown> }) => {
        const errors: unknown[] = []
        const onConnectionError = ({ code }: { code?: unknown }) => errors.push(code)
        const { prisma, flush } = client(new PrismaMariaDb(url(), { onConnectionError }))
        await prisma.user.count()
        await flush()
        const kill = () => on.server.killBackends({ database: on.server.database })
        await outcome(() =>
          prisma.$transaction((tx) =>
            tx.user
              .count()
              .then(kill)
              .then(() => tx.user.count()),
          ),
        )
        await expect.poll(() => errors.length).toBe(1)
        return errors
      }
      const expected = await heard((factory) => ({ prisma: on.bare({}, factory), flush: async () => {} }))
      const flushed = await heard((factory) => {
        const prisma = on.flushing({}, {}, factory)
        return { prisma, flush: () => prisma.$flush(swapped) }
      })
      expect(flushed).toEqual(expected)
    })
  })
}
