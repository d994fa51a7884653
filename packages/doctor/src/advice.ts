/** What people copy, by kind of database. The README of each package says more. */
export const advice = {
  flush: {
    postgres: [
      'npm install @periodic-flush/pg @periodic-flush/core',
      '',
      "import { failover, nameMoved } from '@periodic-flush/core'",
      "import { withPeriodicFlush } from '@periodic-flush/pg' // or /postgres, /drizzle, /prisma",
      '',
      'const pool = withPeriodicFlush(() => new Pool({ connectionString }), {',
      "  triggers: [nameMoved(), failover()], require: 'writable',",
      '})',
    ],
    mysql: [
      'npm install @periodic-flush/mysql2 @periodic-flush/core',
      '',
      "import { failover, nameMoved } from '@periodic-flush/core'",
      "import { withPeriodicFlush } from '@periodic-flush/mysql2' // or /drizzle, /prisma",
      '',
      'const pool = withPeriodicFlush(() => createPool(uri), {',
      "  triggers: [nameMoved(), failover()], require: 'writable',",
      '})',
    ],
  },
  maximumAgeHeadline: {
    postgres: 'You do not need this: set maxLifetimeSeconds.',
    mysql: 'You hardly need this: let idle connections go. (mysql2 has no maximum age for busy ones.)',
  },
  maximumAge: {
    postgres: [
      'new Pool({ connectionString, maxLifetimeSeconds: 300 }) // pg',
      'postgres(url, { max_lifetime: 300 }) // postgres.js',
    ],
    mysql: [
      'createPool({ uri, maxIdle: 1, idleTimeout: 60_000 }) // mysql2 closes what idles beyond maxIdle',
      'withPeriodicFlush(() => createPool(uri), { intervalMs: 300_000 }) // a pool that never idles',
    ],
  },
} as const
