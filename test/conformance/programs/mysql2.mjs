import { withPeriodicFlush } from '@periodic-flush/mysql2'
import { createPool } from 'mysql2'

const [url, ending] = process.argv.slice(2)
const pool = withPeriodicFlush(() => createPool(url), { intervalMs: 200 })
// Natively an idle connection keeps the process alive.
pool.on('acquire', ({ stream }) => stream.ref())
pool.on('release', ({ stream }) => stream.unref())
const ask = (sql) =>
  new Promise((resolve, reject) => pool.query(sql, (error, rows) => (error ? reject(error) : resolve(rows[0]))))
await ask('select 1')
await pool.$flush()
console.log((await ask(`select 'served' as word`)).word)
if (ending === 'closes') pool.end()
