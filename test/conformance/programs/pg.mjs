import { withPeriodicFlush } from '@periodic-flush/pg'
import { Pool } from 'pg'

const [connectionString, ending] = process.argv.slice(2)
const config = { connectionString, idleTimeoutMillis: 500, allowExitOnIdle: true }
const pool = withPeriodicFlush(() => new Pool(config), { intervalMs: 200 })
await pool.query('select 1')
await pool.$flush()
console.log((await pool.query(`select 'served' as word`)).rows[0].word)
if (ending === 'closes') await pool.end()
