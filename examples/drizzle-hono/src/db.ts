import { fileURLToPath } from 'node:url'
import { nameMoved } from '@periodic-flush/core'
import { withPeriodicFlush } from '@periodic-flush/drizzle/postgres-js'
import { startPostgres } from '@periodic-flush/testing'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

/** DATABASE_URL, or that of a PostgreSQL server that ends with this process. */
const url = process.env['DATABASE_URL'] ?? (await startPostgres()).url()

/** The flushing database, migrated. */
export const db = withPeriodicFlush(
  () => postgres(url),
  (client) => drizzle({ client }),
  { intervalMs: 30_000, triggers: [nameMoved()] },
)
db.$flusher.on('swap', ({ generation, reason }) => console.log(`generation ${generation} serves: ${reason}`))
db.$flusher.on('failed', ({ step, error }) =>
  console.warn(`a flush failed at '${step}', the old client serves on`, error),
)

await migrate(db, { migrationsFolder: fileURLToPath(new URL('../drizzle', import.meta.url)) })
