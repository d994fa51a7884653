import { parseArgs } from 'node:util'
import { chaos } from './chaos.ts'
import { excuses } from './excuses.ts'
import type { Evidence } from './verdict.ts'
import { report, verdict } from './verdict.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string' },
    clients: { type: 'string' },
    faults: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

const seed = numberFrom('seed', values.seed, Math.floor(Math.random() * 2 ** 31), Number.isSafeInteger)
const minutes = numberFrom('minutes', values.minutes, 10, (value) => value > 0)

console.log(`Chaos for ${minutes} minutes; --seed ${seed} gives the same plan of faults again`)
const startedAt = performance.now()
const tell = (what: string): void => {
  if (values.verbose) console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${what}`)
}
const evidence = await chaos({
  seed,
  ms: minutes * 60_000,
  clients: values.clients?.split(','),
  faults: values.faults?.split(','),
  tell,
})
console.log(summary(evidence))
for (const { reason, holds } of excuses) {
  const times = evidence.complaints.filter(({ what }) => holds(what)).length
  if (times > 0) console.log(`Excused ${times} times: ${reason}`)
}
const broken = verdict(evidence)
if (broken.length === 0) console.log(`Every rule held (--seed ${seed})`)
else {
  console.error(`Broken rules (--seed ${seed}):\n${report(broken, evidence.happenings)}`)
  process.exitCode = 1
}

/** A number that was given as a flag, or else what it is by default. */
function numberFrom(
  name: string,
  text: string | undefined,
  otherwise: number,
  holds: (value: number) => boolean,
): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (text.trim() !== '' && holds(value)) return value
  throw new RangeError(`Expected --${name} to be a ${name === 'seed' ? 'whole' : 'positive'} number, got ${text}`)
}

function summary({ statements, ledger, happenings }: Evidence): string {
  const rows = new Map<string, number>()
  for (const { server, count } of ledger) rows.set(server, (rows.get(server) ?? 0) + count)
  const clients = new Map<string, Record<string, number>>()
  for (const { client, outcome } of statements) {
    const counts = clients.get(client) ?? { acknowledged: 0, refused: 0, unknown: 0, pending: 0 }
    counts[outcome] = (counts[outcome] ?? 0) + 1
    clients.set(client, counts)
  }
  const servers = [...rows].map(([server, count]) => `${server}: ${count} rows`).join(', ')
  const lines = [...clients].map(
    ([client, counts]) =>
      `  ${client.padEnd(26)}${Object.entries(counts)
        .map(([outcome, count]) => `${outcome} ${count}`)
        .join(', ')}`,
  )
  return [`${happenings.length} happenings; ${servers}`, ...lines].join('\n')
}
