// One process of a fleet: flushes at a command, says so, and has nothing left to do.
import { redisTrigger } from '@periodic-flush/fleet/redis'
import { withPeriodicFlush } from '@periodic-flush/postgres'
import { Redis } from 'ioredis'
import postgres from 'postgres'

const [url, path] = process.argv.slice(2)
const redis = new Redis({ path })
const triggers = [redisTrigger(redis, { spreadMs: 100 })]
const sql = withPeriodicFlush(() => postgres(url), { intervalMs: false, triggers })
sql.$flusher.on('swap', async ({ reason, generation }) => {
  const [{ one }] = await sql`select 1 as one`
  console.log(`${reason}: generation ${generation}, answers ${one}`)
  await sql.end()
  await redis.quit()
})
await sql`select 1`
