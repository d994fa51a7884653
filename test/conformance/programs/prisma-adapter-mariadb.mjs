import { flushingAdapter } from '@periodic-flush/prisma'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'

const [url, ending] = process.argv.slice(2)
const factory = flushingAdapter(new PrismaMariaDb(url), { intervalMs: 200 })
const adapter = await factory.connect()
const ask = (sql) => adapter.queryRaw({ sql, args: [], argTypes: [] })
await ask('select 1')
await factory.$flush()
console.log((await ask(`select 'served' as word`)).rows[0][0])
if (ending === 'closes') await adapter.dispose()
