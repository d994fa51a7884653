import { makeTypedQueryFactory } from '@prisma/client/runtime/client'
import { Prisma } from '../../../../test/prisma/documented/postgresql/generated/client.ts'
import type { Uses } from './reads.ts'

const { sql, join, raw, empty } = Prisma

/** How the two write names and parameters. */
const dialects = {
  postgresql: {
    user: '"User"',
    post: '"Post"',
    everything: '"Everything"',
    views: '"profileViews"',
    first: '$1',
    int: '::int',
    quote: '"',
  },
  mysql: {
    user: 'User',
    post: 'Post',
    everything: 'Everything',
    views: 'profileViews',
    first: '?',
    int: '',
    quote: '`',
  },
} as const

/** Raw SQL, as the documentation has it. */
export function rawOf(engine: 'postgresql' | 'mysql'): { reads: Uses; writes: Uses; failing: Uses } {
  const { user, post, everything, views, first, int, quote } = dialects[engine]
  const column = (name: string) => raw(quote + name + quote)
  const users = raw(user)
  const posts = raw(post)
  const byEmail = makeTypedQueryFactory(`select id, name from ${user} where email = ${first}`)
  return {
    reads: {
      $queryRaw: (prisma) => prisma.$queryRaw`select id, email from ${users} where email = ${'bob@prisma.io'}`,
      '$queryRaw(Prisma.sql)': (prisma) => prisma.$queryRaw(sql`select name from ${users} where id = ${2}`),
      'Prisma.sql of parts': (prisma) =>
        prisma.$queryRaw(sql([`select id from ${user} where id = `, ' or id = ', ' order by id'], 1, 2)),
      'Prisma.join': (prisma) => prisma.$queryRaw`select id from ${users} where id in (${join([1, 3])}) order by id`,
      'Prisma.join with a separator': (prisma) =>
        prisma.$queryRaw`select id from ${users} where ${join([sql`id = ${1}`, sql`city = ${'Paris'}`], ' or ', '(', ')')} order by id`,
      'parameters of each kind': (prisma) =>
        prisma.$queryRaw`select id from ${raw(everything)} where ${column('int')} = ${1} and ${column('text')} = ${'text'}
          and ${column('bigint')} = ${2n ** 53n + 1n} and ${column('float')} = ${1.5} and ${column('bool')} = ${true}
          and ${column('decimal')} = ${new Prisma.Decimal('12.34')} and ${column('bytes')} = ${new Uint8Array([1, 2])}
          and ${column('datetime')} = ${new Date('2024-02-03T04:05:06.789Z')}`,
      'null as a parameter': (prisma) =>
        prisma.$queryRaw`select id from ${users} where coalesce(name, ${null}) is null order by id`,
      'Prisma.raw': (prisma) => prisma.$queryRaw`select id from ${users} order by ${raw(views)} desc`,
      'Prisma.empty': (prisma) => prisma.$queryRaw`select count(*) as n from ${users} ${empty}`,
      'Prisma.sql in a fragment': (prisma) =>
        prisma.$queryRaw`select id from ${users} ${sql`where city = ${'Berlin'}`} order by id`,
      'values of a query that was written elsewhere': (prisma) => {
        const query = raw(`select name from ${user} where email = ${first}`)
        // As the documentation has it, though the types say that it is read-only.
        Object.assign(query, { values: ['alice@prisma.io'] })
        return prisma.$queryRaw(query)
      },
      $queryRawUnsafe: (prisma) =>
        prisma.$queryRawUnsafe(`select id from ${user} where email = ${first}`, 'bob@prisma.io'),
      $queryRawTyped: (prisma) => prisma.$queryRawTyped(byEmail('alice@prisma.io')),
      'the types of raw results': (prisma) => prisma.$queryRawUnsafe(`select * from ${everything} order by id`),
      'a cast of a parameter': (prisma) => prisma.$queryRaw`select ${42}${raw(int)} + 1 as n`,
    },
    writes: {
      $executeRaw: (prisma) => prisma.$executeRaw`update ${posts} set likes = ${9} where id in (${join([1, 2])})`,
      $executeRawUnsafe: (prisma) =>
        prisma.$executeRawUnsafe(`update ${post} set published = false where id = ${first}`, 1),
      '$executeRaw(Prisma.sql)': (prisma) => prisma.$executeRaw(sql`delete from ${posts} where id = ${4}`),
      // Outside a transaction each statement takes any connection: a table may be left on another than the drop's.
      '$executeRaw that creates a table': async (prisma) => [
        await prisma.$executeRaw`create temporary table if not exists scratch (n int)`,
        await prisma.$executeRaw`drop table if exists scratch`,
      ],
    },
    failing: {
      'P2010 of a raw statement': (prisma) => prisma.$queryRaw`select * from nothing`,
      'several statements in one': (prisma) => prisma.$queryRawUnsafe('select 1; select 2'),
      'a table name as a parameter': (prisma) => prisma.$queryRaw`select * from ${'User'}`,
      '$queryRaw of a string': (prisma) => prisma.$queryRaw('select 1' as never),
    },
  }
}
