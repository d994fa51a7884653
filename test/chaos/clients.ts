import type { Kind } from './client.ts'
import { drizzleMysql2Kind, drizzleRcMysql2Kind, mysql2Kind, mysql2PromiseKind } from './clients/mysql2.ts'
import { drizzleNodePostgresKind, drizzleRcNodePostgresKind, kyselyKind, pgKind } from './clients/pg.ts'
import { drizzlePostgresJsKind, drizzleRcPostgresJsKind, postgresKind } from './clients/postgres.ts'
import { prismaKind, prismaMariadbKind } from './clients/prisma.ts'

/** Every client that chaos is run on. */
export const kinds: readonly Kind[] = [
  postgresKind,
  pgKind,
  drizzlePostgresJsKind,
  drizzleRcPostgresJsKind,
  drizzleNodePostgresKind,
  drizzleRcNodePostgresKind,
  kyselyKind,
  prismaKind,
  mysql2Kind,
  mysql2PromiseKind,
  drizzleMysql2Kind,
  drizzleRcMysql2Kind,
  prismaMariadbKind,
]
