import { fileURLToPath } from 'node:url'
import { nameMoved } from '@periodic-flush/core'
import { withPeriodicFlush } from '@periodic-flush/drizzle/mysql2'
import { startMariadb } from '@periodic-flush/testing'
import { drizzle } from 'drizzle-orm/mysql2'
import { migrate } from 'drizzle-orm/mysql2/migrator'
import { createPool } from 'mysql2/promise'

/** DATABASE_URL, or that of a MariaDB server that ends with this process. */
const url = process.env['DATABASE_URL'] ?? (await startMariadb()).url()

/** The flushing database, migrated. */
export const db = withPeriodicFlush(
  () => createPool(url),
  (client) => drizzle({ client }),
  { intervalMs: 30_000, triggers: [nameMoved()] },
)
db.$flusher.on('swap', ({ generation, reason }) => console.log(`generation ${generation} serves: ${reason}`))
db.$flusher.on('failed', ({ step, error }) =>
  console.warn(`a flush failed at '${step}', the old client serves on`, error),
)

await migrate(db, { migrationsFolder: fileURLToPath(new URL('../drizzle', import.meta.url)) })
