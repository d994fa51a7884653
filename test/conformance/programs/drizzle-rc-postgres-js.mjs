import { withPeriodicFlush } from '@periodic-flush/drizzle/postgres-js'
import { sql } from 'drizzle-orm-rc'
import { drizzle } from 'drizzle-orm-rc/postgres-js'
import postgres from 'postgres'

const [url, ending] = process.argv.slice(2)
const db = withPeriodicFlush(
  () => postgres(url, { idle_timeout: 1 }),
  (client) => drizzle({ client }),
  { intervalMs: 200 },
)
await db.execute(sql`select 1`)
await db.$flush()
console.log((await db.execute(sql`select 'served' as word`))[0].word)
if (ending === 'closes') await db.$flusher.close()
