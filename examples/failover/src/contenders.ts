import type { Flusher, FlushOptions } from '@periodic-flush/core'
import { withPeriodicFlush as flushingDrizzle } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as flushingPrisma } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { pgTable, serial, text } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { PrismaClient } from './generated/client.ts'

/** The table that both ORMs write to. `server` says who took the row. */
export const createTable = `create table "Visit" (id serial primary key, server text default host(inet_server_addr()))`

const visits = pgTable('Visit', { id: serial().primaryKey(), server: text() })

/** What a wrapped client has beside the plain one. */
interface Flushing {
  $flush(options?: FlushOptions): Promise<unknown>
  readonly $flusher: Pick<Flusher<unknown>, 'stats' | 'on'>
}

/** One client under load. */
export interface Contender {
  readonly name: string
  /** Writes a row; gives the address of the server that took it. */
  visit(): Promise<string | null | undefined>
  /** Undefined for a plain client. */
  readonly flushing?: Flushing
  end(): Promise<unknown>
}

interface Place {
  /** A connection string whose backends carry `name`. */
  url(name: string): string
  readonly intervalMs: number
  readonly deadlineMs: number
}

const max = 5

/** Prisma and Drizzle, wrapped, and a plain client of each as control. */
export function contenders({ url, intervalMs, deadlineMs }: Place): Contender[] {
  const prismaClient = (name: string) =>
    new PrismaClient({ adapter: new PrismaPg({ connectionString: url(name), max, application_name: name }) })
  const sqlClient = (name: string) => postgres(url(name), { max, connection: { application_name: name } })

  const prisma = flushingPrisma(prismaClient('prisma wrapped'), { intervalMs, deadlineMs, name: 'prisma' })
  const db = flushingDrizzle(
    () => sqlClient('drizzle wrapped'),
    (client) => drizzle({ client }),
    { intervalMs, deadlineMs, name: 'drizzle' },
  )
  const plainPrisma = prismaClient('prisma plain')
  const plainDb = drizzle(sqlClient('drizzle plain'))
  const insert = async (into: Pick<typeof plainDb, 'insert'>) => {
    const [row] = await into.insert(visits).values({}).returning({ server: visits.server })
    return row?.server
  }
  return [
    {
      name: 'prisma wrapped',
      visit: async () => (await prisma.visit.create({ data: {} })).server,
      flushing: prisma,
      end: () => prisma.$flusher.close(),
    },
    {
      name: 'drizzle wrapped',
      visit: () => insert(db),
      flushing: db,
      end: () => db.$flusher.close(),
    },
    {
      name: 'prisma plain',
      visit: async () => (await plainPrisma.visit.create({ data: {} })).server,
      end: () => plainPrisma.$disconnect(),
    },
    { name: 'drizzle plain', visit: () => insert(plainDb), end: () => plainDb.$client.end({ timeout: 1 }) },
  ]
}
