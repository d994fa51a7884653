import { withPeriodicFlush } from '@periodic-flush/drizzle/mysql2'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'

const [url, ending] = process.argv.slice(2)
const db = withPeriodicFlush(
  () => createPool(url),
  (pool) => drizzle(pool),
  { intervalMs: 200 },
)
// Natively an idle connection keeps the process alive.
db.$client.on('acquire', ({ stream }) => stream.ref())
db.$client.on('release', ({ stream }) => stream.unref())
await db.execute(sql`select 1`)
await db.$flush()
console.log((await db.execute(sql`select 'served' as word`))[0][0].word)
if (ending === 'closes') await db.$flusher.close()
