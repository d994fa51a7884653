import { withPeriodicFlush } from '@periodic-flush/drizzle/node-postgres'
import { drizzle } from 'drizzle-orm-rc/node-postgres'
import { Pool } from 'pg'

const [connectionString, ending] = process.argv.slice(2)
const config = { connectionString, idleTimeoutMillis: 500, allowExitOnIdle: true }
const db = withPeriodicFlush(
  () => new Pool(config),
  (client) => drizzle({ client }),
  { intervalMs: 200 },
)
await db.execute('select 1')
await db.$flush()
console.log((await db.execute(`select 'served' as word`)).rows[0].word)
if (ending === 'closes') await db.$flusher.close()
