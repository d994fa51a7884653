import type { Subject } from './subject.ts'
import { broken, type Defect } from './subjects/broken.ts'
import { drizzleMysql2Subject, drizzleRcMysql2Subject } from './subjects/drizzle-mysql2.ts'
import { drizzleNodePostgresSubject, drizzleRcNodePostgresSubject } from './subjects/drizzle-node-postgres.ts'
import { drizzlePostgresJsSubject, drizzleRcPostgresJsSubject } from './subjects/drizzle-postgres-js.ts'
import { kyselySubject } from './subjects/kysely.ts'
import { mysql2Subject } from './subjects/mysql2.ts'
import { mysql2PromiseSubject } from './subjects/mysql2-promise.ts'
import { pgSubject } from './subjects/pg.ts'
import { postgresSubject } from './subjects/postgres.ts'
import { prismaSubject } from './subjects/prisma.ts'
import { prismaMariadbSubject } from './subjects/prisma-mariadb.ts'

// Set by the test that tries the suite itself on broken drivers.
const defect = process.env['BROKEN_SUBJECT'] as Defect | undefined

/** Every client that the suite is run on. */
export const subjects: readonly Subject[] =
  defect !== undefined
    ? [broken(defect)]
    : [
        postgresSubject,
        pgSubject,
        drizzlePostgresJsSubject,
        drizzleRcPostgresJsSubject,
        drizzleNodePostgresSubject,
        drizzleRcNodePostgresSubject,
        kyselySubject,
        mysql2Subject,
        mysql2PromiseSubject,
        drizzleMysql2Subject,
        drizzleRcMysql2Subject,
        prismaSubject,
        prismaMariadbSubject,
      ]
