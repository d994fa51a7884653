import { withPeriodicFlush as drizzleMysql2 } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as drizzleNodePostgres } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush as drizzlePostgresJs } from '@periodic-flush/drizzle/postgres-js'
import { withPeriodicFlush as mysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as pg } from '@periodic-flush/pg'
import { isPgPool, OwnedPool } from '@periodic-flush/pg/owned-pool'
import { suspect, suspectCode } from '@periodic-flush/pg/suspect'
import { withPeriodicFlush as postgresJs } from '@periodic-flush/postgres'
import { flushingAdapter, withPeriodicFlush as prisma } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres from 'postgres'
import { PrismaClient } from '../prisma/generated/client.ts'
import { type Case, of, total } from './case.ts'
import type { Entry } from './entries.ts'
import { made } from './held.ts'
import {
  anything,
  closeOptions,
  flusherOptions,
  flushOptions,
  holdOptions,
  mild,
  noFunction,
  noString,
  noWord,
  odd,
  SECRET,
  url,
} from './values.ts'

const newPool = () => new Pool({ connectionString: url })
const newMysqlPool = () => createPool({ host: '127.0.0.1', port: 1, user: 'me', password: SECRET })
const newSql = () => postgres(url)
const newAdapter = () => new PrismaPg({ connectionString: url })
const newPrisma = () => new PrismaClient({ adapter: newAdapter() })

/** A factory whose every call shows: nothing may be made before the options are known to be right. */
const noted =
  <T>(factory: () => T) =>
  (): T => {
    made.count++
    return factory()
  }

const manual = { intervalMs: false } as const
const db = () => ({})

const rotation = prisma(newPrisma(), manual)

export const prismaFlusher: object = Object.getPrototypeOf(rotation.$flusher)

/** What each package hands out, and what it calls that. */
const handedOut: readonly [Entry, Pick<typeof rotation, '$flush' | '$flusher'>][] = [
  ['pg: withPeriodicFlush', pg(newPool, manual)],
  ['mysql2: withPeriodicFlush', mysql2(newMysqlPool, manual)],
  ['postgres: withPeriodicFlush', postgresJs(newSql, manual)],
  ['drizzle/node-postgres: withPeriodicFlush', drizzleNodePostgres(newPool, db, manual)],
  ['drizzle/mysql2: withPeriodicFlush', drizzleMysql2(newMysqlPool, db, manual)],
  ['drizzle/postgres-js: withPeriodicFlush', drizzlePostgresJs(newSql, db, manual)],
  ['prisma: withPeriodicFlush', rotation],
  ['prisma: flushingAdapter', flushingAdapter(newAdapter(), manual)],
]

const membersOf = (entry: Entry, { $flush, $flusher }: (typeof handedOut)[number][1]): Case[] => [
  of(entry, '….$flush(odd)', (options) => $flush(options), flushOptions),
  of(entry, '….$flusher.hold(odd)', (options) => $flusher.hold(options), holdOptions),
  of(entry, '….$flusher.close(odd)', (options) => $flusher.close(options), closeOptions),
  of(entry, '….$flusher.on(odd, …)', (event) => $flusher.on(event, () => {}), noWord),
  of(entry, "….$flusher.on('swap', odd)", (listener) => $flusher.on('swap', listener), noFunction),
]

const unwrapped = newPrisma()
const { $flusher } = rotation

export const clientCases: Case[] = [
  of('pg: withPeriodicFlush', '(odd)', (factory) => pg(factory), anything),
  of('pg: withPeriodicFlush', '(() => odd)', (given) => pg(() => given), mild),
  of('pg: withPeriodicFlush', '(factory, odd)', (options) => pg(noted(newPool), options), flusherOptions),
  of('mysql2: withPeriodicFlush', '(odd)', (factory) => mysql2(factory), anything),
  of('mysql2: withPeriodicFlush', '(() => odd)', (given) => mysql2(() => given), mild),
  of('mysql2: withPeriodicFlush', '(factory, odd)', (options) => mysql2(noted(newMysqlPool), options), flusherOptions),
  of('postgres: withPeriodicFlush', '(odd)', (factory) => postgresJs(factory), anything),
  of('postgres: withPeriodicFlush', '(() => odd)', (given) => postgresJs(() => given), mild),
  of('postgres: withPeriodicFlush', '(factory, odd)', (options) => postgresJs(noted(newSql), options), flusherOptions),
  ...drizzle('node-postgres', drizzleNodePostgres, newPool),
  ...drizzle('mysql2', drizzleMysql2, newMysqlPool),
  ...drizzle('postgres-js', drizzlePostgresJs, newSql),
  of('prisma: withPeriodicFlush', '(odd, {})', (client) => prisma(client, {}), odd),
  of('prisma: withPeriodicFlush', '(odd)', (options) => prisma(options), flusherOptions),
  of('prisma: withPeriodicFlush', '(prisma, odd)', (options) => prisma(unwrapped, options), flusherOptions),
  of('prisma: withPeriodicFlush', '()(odd)', (client) => prisma({})(client), anything),
  of('prisma: flushingAdapter', '(odd)', (factory) => flushingAdapter(factory), anything),
  of('prisma: flushingAdapter', '(() => odd)', (given) => flushingAdapter(() => given), mild),
  of('prisma: flushingAdapter', '(factory, odd)', (options) => flushingAdapter(newAdapter(), options), flusherOptions),
  of(
    'prisma: flushingAdapter',
    '(() => factory, odd)',
    (options) => flushingAdapter(noted(newAdapter), options),
    flusherOptions,
  ),
  of('prisma $flusher: flush', '(odd)', (options) => rotation.$flush(options), flushOptions),
  of('prisma $flusher: hold', '(odd)', (options) => $flusher.hold(options), holdOptions),
  of('prisma $flusher: close', '(odd)', (options) => $flusher.close(options), closeOptions),
  of('prisma $flusher: on', '(odd, …)', (event) => $flusher.on(event, () => {}), noWord),
  of('prisma $flusher: distrust', '(odd)', (reason) => $flusher.distrust(reason), noString),
  ...handedOut.flatMap(([entry, client]) => membersOf(entry, client)),
  of('pg/owned-pool: OwnedPool', '(odd)', (pool) => new OwnedPool(pool), anything),
  total('pg/owned-pool: isPgPool', (value) => isPgPool(value), anything),
  total('pg/suspect: suspect', (error) => suspect(error), mild),
  total('pg/suspect: suspectCode', (code) => suspectCode(code), anything),
]

function drizzle(
  name: 'node-postgres' | 'mysql2' | 'postgres-js',
  wrap: (factory: never, database: never, options?: never) => unknown,
  factory: () => unknown,
): Case[] {
  const entry: Entry = `drizzle/${name}: withPeriodicFlush`
  const call = wrap as (...given: readonly unknown[]) => unknown
  return [
    of(entry, '(odd, …)', (given) => call(given, db), anything),
    of(entry, '(factory, odd)', (given) => call(noted(factory), given), noFunction),
    of(
      entry,
      '(factory, () => odd)',
      (given) => call(factory, () => given),
      mild.filter((value) => !Array.isArray(value)),
    ),
    of(entry, '(factory, …, odd)', (options) => call(noted(factory), db, options), flusherOptions),
  ]
}
