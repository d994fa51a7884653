import { withPeriodicFlush } from '@periodic-flush/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../prisma/generated/client.ts'
import { PrismaClient as MysqlPrismaClient } from '../../prisma/mysql/generated/client.ts'
import type { Account, Client, Kind } from '../client.ts'
import { poolConfig } from './pg.ts'

/** Longer than any fault: what ends a transaction must be the server, or the cut. */
const patient = { maxWait: 60_000, timeout: 120_000 }

interface Raw {
  $executeRawUnsafe(text: string): Promise<unknown>
  $executeRaw(text: TemplateStringsArray, ...values: unknown[]): Promise<unknown>
}

interface Transacts extends Raw {
  $transaction(work: (tx: Raw) => Promise<void>, options: typeof patient): Promise<unknown>
}

const works = (prisma: Transacts): Omit<Client, '$flusher'> => ({
  run: async (text) => await prisma.$executeRawUnsafe(text),
  prepared: async (id) => await prisma.$executeRaw`insert into ledger (id, part) values (${id}, 1)`,
  transaction: (work) => prisma.$transaction((tx) => work(async (text) => await tx.$executeRawUnsafe(text)), patient),
})

export const prismaKind: Kind = {
  name: 'prisma/adapter-pg',
  engine: 'postgres',
  open({ account, max, options }) {
    const adapter = new PrismaPg({ ...poolConfig(account()), max })
    adapter.connect = () => new PrismaPg({ ...poolConfig(account()), max }).connect()
    const prisma = withPeriodicFlush(new PrismaClient({ adapter }), options)
    return { ...works(prisma), $flusher: prisma.$flusher }
  },
}

const mariadbConfig = ({ ca, ...where }: Account, connectionLimit: number) => ({
  ...where,
  ssl: ca === undefined ? false : { ca },
  connectionLimit,
})

export const prismaMariadbKind: Kind = {
  name: 'prisma/adapter-mariadb',
  engine: 'mariadb',
  secretive: true,
  open({ account, max, options }) {
    const adapter = new PrismaMariaDb(mariadbConfig(account(), max))
    adapter.connect = () => new PrismaMariaDb(mariadbConfig(account(), max)).connect()
    const prisma = withPeriodicFlush(new MysqlPrismaClient({ adapter }), options)
    return { ...works(prisma), $flusher: prisma.$flusher }
  },
}
