import { withPeriodicFlush } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from '../../prisma/generated/client.ts'
import { postgresql } from '../dialect.ts'
import type { Runner, Subject } from '../subject.ts'

type Raw = Pick<PrismaClient, '$queryRawUnsafe'>

const first = async (prisma: Raw, text: string) => {
  // Prisma has no type for `void`, the result of pg_sleep.
  const rows = await prisma.$queryRawUnsafe<object[]>(text.replace(/pg_sleep\([\d.]+\)/, '$&::text'))
  return rows[0]
}

const runner = (prisma: Raw): Runner => ({ value: async (text) => Object.values((await first(prisma, text)) ?? {})[0] })

const patient = { maxWait: 60_000, timeout: 120_000 }

const client = (prisma: PrismaClient) => ({
  ...runner(prisma),
  row: (text: string) => first(prisma, text),
  transaction: <T>(work: (tx: Runner) => Promise<T>) => prisma.$transaction((tx) => work(runner(tx)), patient),
  end: () => prisma.$disconnect(),
})

export const prismaSubject: Subject = {
  name: 'prisma/adapter-pg',
  dialect: postgresql,
  open({ url, max, options }) {
    const adapter = new PrismaPg({ connectionString: 'postgres://unused', max })
    // The connection string is asked for at every opening, so that a behaviour can make one fail.
    adapter.connect = () => new PrismaPg({ connectionString: url(), max }).connect()
    const prisma = withPeriodicFlush(new PrismaClient({ adapter }), options)
    return {
      ...client(prisma as unknown as PrismaClient),
      $flush: (flush) => prisma.$flush(flush),
      $flusher: prisma.$flusher,
    }
  },
  openSame(url) {
    const adapter = new PrismaPg(new pg.Pool({ connectionString: url }), { disposeExternalPool: true })
    const prisma = withPeriodicFlush(new PrismaClient({ adapter }), { intervalMs: false })
    return {
      ...client(prisma as unknown as PrismaClient),
      $flush: (flush) => prisma.$flush(flush),
      $flusher: prisma.$flusher,
    }
  },
  bare: (url, max) => client(new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) })),
}
