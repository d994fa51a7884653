import { parseArgs } from 'node:util'
import { all } from './all.ts'
import { failover } from './failover.ts'
import { fleet } from './fleet.ts'
import { flush } from './flush.ts'
import { overhead } from './overhead.ts'
import type { Findings } from './record.ts'
import type { Selection } from './selection.ts'
import { soak } from './soak.ts'

const benches: Readonly<Record<string, (selection: Selection) => Promise<Findings>>> = {
  overhead,
  flush,
  soak,
  failover,
  fleet: async () => ({ rows: await fleet(), goals: [], notes: [] }),
}

const some = { type: 'string', multiple: true } as const
const { values, positionals } = asked()

if (positionals.includes('all')) {
  if (positionals.length > 1 || values.json || values.client || values.scenario || values.way) {
    console.error("'all' stands alone, or with --quick: it publishes what it finds")
    process.exit(2)
  }
  await all(values.quick === true)
} else {
  await someOf(positionals.length === 0 ? Object.keys(benches) : positionals)
  // What a client has left behind does not keep this one alive.
  process.stdout.write('', () => process.exit())
}

/** What the command line says. */
function asked() {
  try {
    return parseArgs({
      allowPositionals: true,
      // A comma stands between several of the last three; scenarios and ways are `failover`'s.
      options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, client: some, scenario: some, way: some },
    })
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}

/** Those benches that were asked for; none but the fleet publishes what it found. */
async function someOf(names: readonly string[]): Promise<void> {
  const results: Record<string, readonly object[]> = {}
  for (const name of names) {
    const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
    if (bench === undefined) {
      console.error(`Unknown bench '${name}'; expected all, ${Object.keys(benches).join(', ')}`)
      process.exit(2)
    }
    const findings = await bench(values).catch((error: unknown) => {
      if (!(error instanceof RangeError)) throw error
      console.error(error.message)
      process.exit(2)
    })
    results[name] = findings.rows
    if (process.send !== undefined) await told(findings)
    else if (!values.json) shown(name, findings)
  }
  if (values.json) console.log(JSON.stringify(results, undefined, 2))
}

function shown(name: string, { rows, goals, notes }: Findings): void {
  console.log(`\n${name}`)
  console.table(rows)
  const unmet = goals.filter(({ verdict }) => verdict !== 'reached')
  for (const { verdict, client, goal, value } of unmet) console.log(`${verdict}: ${client}, ${goal}: ${value}`)
  for (const { client, way, text } of notes) console.log(`not measured: ${client}, ${way}: ${text}`)
  if (goals.length > 0 && unmet.length === 0) console.log('Every goal was reached.')
}

/** To the process that runs them all. */
async function told(findings: Findings): Promise<void> {
  await new Promise((resolve) => process.send?.(findings, undefined, undefined, resolve))
}
