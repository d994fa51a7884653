import { withPeriodicFlush } from '@periodic-flush/postgres'
import postgres from 'postgres'

const [url, ending] = process.argv.slice(2)
const sql = withPeriodicFlush(() => postgres(url, { idle_timeout: 1 }), { intervalMs: 200 })
await sql`select 1`
await sql.$flush()
console.log((await sql`select 'served' as word`)[0].word)
if (ending === 'closes') await sql.end()
