import { withPeriodicFlush } from '@periodic-flush/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import * as mariadb from 'mariadb'
import { PrismaClient } from '../../prisma/mysql/generated/client.ts'
import { mariadb as dialect } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

type Raw = Pick<PrismaClient, '$queryRawUnsafe' | '$executeRawUnsafe'>

const first = async (prisma: Raw, text: string): Promise<object | undefined> => {
  if (!text.startsWith('select')) return void (await prisma.$executeRawUnsafe(text.replace(/ returning .*/, '')))
  return (await prisma.$queryRawUnsafe<object[]>(text))[0]
}

const runner = (prisma: Raw): Runner => ({ value: async (text) => Object.values((await first(prisma, text)) ?? {})[0] })

const patient = { maxWait: 60_000, timeout: 120_000 }

const client = (prisma: PrismaClient) => ({
  ...runner(prisma),
  row: (text: string) => first(prisma, text),
  transaction: <T>(work: (tx: Runner) => Promise<T>) => prisma.$transaction((tx) => work(runner(tx)), patient),
  end: () => prisma.$disconnect(),
})

const configOf = (url: string, max: number) => {
  const { hostname, port, username, password, pathname } = new URL(url)
  const host = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) }
  return { ...host, connectionLimit: max, acquireTimeout: 60_000, connectTimeout: 5_000 }
}

export const prismaMariadbSubject: Subject = {
  name: 'prisma/adapter-mariadb',
  dialect,
  open({ url, max, options }) {
    const adapter = new PrismaMariaDb(configOf('mysql://unused', max))
    // The connection string is asked for at every opening, so that a behaviour can make one fail.
    adapter.connect = () => new PrismaMariaDb(configOf(url(), max)).connect()
    const prisma = withPeriodicFlush(new PrismaClient({ adapter }), options)
    return { ...client(prisma), $flush: prisma.$flush, $flusher: prisma.$flusher }
  },
  openSame(url) {
    const adapter = new PrismaMariaDb(mariadb.createPool(configOf(url, 10)))
    const prisma = withPeriodicFlush(new PrismaClient({ adapter }), { intervalMs: false })
    return { ...client(prisma), $flush: prisma.$flush, $flusher: prisma.$flusher }
  },
  bare: (url, max) => client(new PrismaClient({ adapter: new PrismaMariaDb(configOf(url, max)) })),
  eager:
    'it opens its whole pool at once, and opens another connection for each idle one that is closed to make room: old and ' +
    'fresh client together hold twice the limit. The old one ends as soon as nobody waits in it, and a flush waits for ' +
    'that until the deadline; a transaction that outlives the deadline keeps its own connection, which comes on top (a ' +
    'flush does not wait for it: on a server that went silent it never ends, and who waits for it stays with that server)',
  notApplicable: {
    'what was not sent goes to the fresh generation at the swap, also when all connections hang':
      'it does not show its limit, so that what exceeds it waits in its own queue, out of our sight',
    'when the server freezes and the name moves, service returns with the next flush, also for those who wait':
      'the same',
    'so does one that never closes, if its client would let it': 'it keeps the process alive by itself',
  },
}
