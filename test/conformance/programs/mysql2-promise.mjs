import { withPeriodicFlush } from '@periodic-flush/mysql2'
import { createPool } from 'mysql2/promise'

const [url, ending] = process.argv.slice(2)
const pool = withPeriodicFlush(() => createPool(url), { intervalMs: 200 })
// Natively an idle connection keeps the process alive.
pool.on('acquire', ({ stream }) => stream.ref())
pool.on('release', ({ stream }) => stream.unref())
await pool.query('select 1')
await pool.$flush()
console.log((await pool.query(`select 'served' as word`))[0][0].word)
if (ending === 'closes') await pool.end()
