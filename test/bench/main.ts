import { parseArgs } from 'node:util'
import { fleet } from './fleet.ts'
import { flush } from './flush.ts'
import { overhead } from './overhead.ts'
import { soak } from './soak.ts'

const benches: Readonly<Record<string, () => Promise<object[]>>> = { overhead, flush, soak, fleet }

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
const names = positionals.length === 0 ? Object.keys(benches) : positionals
const results: Record<string, object[]> = {}
for (const name of names) {
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  if (bench === undefined) {
    console.error(`Unknown bench '${name}'; expected ${Object.keys(benches).join(', ')}`)
    process.exit(2)
  }
  const rows = await bench()
  results[name] = rows
  if (!values.json) {
    console.log(`\n${name}`)
    console.table(rows)
  }
}
if (values.json) console.log(JSON.stringify(results, undefined, 2))
