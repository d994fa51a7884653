import { withPeriodicFlush } from '@periodic-flush/pg'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Pool } from 'pg'

const [connectionString, ending] = process.argv.slice(2)
const config = { connectionString, idleTimeoutMillis: 500, allowExitOnIdle: true }
const pool = withPeriodicFlush(() => new Pool(config), { intervalMs: 200 })
const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
await sql`select 1`.execute(db)
await pool.$flush()
console.log((await sql`select 'served' as word`.execute(db)).rows[0].word)
if (ending === 'closes') await db.destroy()
