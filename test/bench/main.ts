import { parseArgs } from 'node:util'
import { failover, type Selection } from './failover.ts'
import { fleet } from './fleet.ts'
import { flush } from './flush.ts'
import { overhead } from './overhead.ts'
import { soak } from './soak.ts'

const benches: Readonly<Record<string, (selection: Selection) => Promise<object[]>>> = {
  overhead,
  flush,
  soak,
  failover,
  fleet,
}

const some = { type: 'string', multiple: true } as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  // The last three are `failover`'s, a comma between several.
  options: { json: { type: 'boolean' }, client: some, scenario: some, way: some },
})
const names = positionals.length === 0 ? Object.keys(benches) : positionals
const results: Record<string, object[]> = {}
for (const name of names) {
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  if (bench === undefined) {
    console.error(`Unknown bench '${name}'; expected ${Object.keys(benches).join(', ')}`)
    process.exit(2)
  }
  const rows = await bench(values).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error
    console.error(error.message)
    process.exit(2)
  })
  results[name] = rows
  if (!values.json) {
    console.log(`\n${name}`)
    console.table(rows)
  }
}
if (values.json) console.log(JSON.stringify(results, undefined, 2))
