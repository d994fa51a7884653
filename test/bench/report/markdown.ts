import { type BenchRecord, benchNames, type FailoverRow, type Goal } from '../record.ts'
import { isOurs, label } from './labels.ts'
import { table } from './table.ts'

/** What stands in the README while there is no record. */
export const notYetRun = 'Not run yet: `npx --yes pnpm@12 bench all` puts its figures and pictures here.'

/** The part of the README that is made of a record. */
export function markdown(record: BenchRecord): string {
  return [
    ...(record.quick ? ['**A quick run, to see that it works: these are no figures.**'] : []),
    provenance(record),
    ['![Overhead of periodic-flush for every client](test/bench/plots/overhead.svg)'],
    ['![99th percentile while everything is renewed](test/bench/plots/flush.svg)'],
    ['![Time until the new server answers](test/bench/plots/failover.svg)'],
    beside(record),
    reading,
    folded('Every client, and what misses its goal', [everyClient(record), goals(record), notes(record)]),
  ]
    .flat()
    .filter((part) => part !== '')
    .join('\n\n')
}

/** What not everybody wants to read; GitHub and npm show its summary. */
function folded(summary: string, parts: readonly string[]): string {
  const shown = parts.filter((part) => part !== '')
  return ['<details>', `<summary>${summary}</summary>`, ...shown, '</details>'].join('\n\n')
}

function provenance({ date, machine, versions, minutes }: BenchRecord): string {
  const all = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `Measured on ${date}, in ${minutes} minutes, on ${machine.cores} cores with ${machine['memory GB']} GB, ${machine.os}, servers on the same machine: ${all.join(', ')}.`
}

const strokes = ['move', 'freeze', 'kill', 'demote']

/** Those clients that were taken through everything, in every way: one row each. */
function beside({ overhead, flush, soak, failover }: BenchRecord): string {
  const clients = [...new Set(failover.map(({ client }) => client))]
  const rows = clients.flatMap((client) => {
    const of = <Row extends { client: string }>(rows: readonly Row[]) => rows.filter((row) => row.client === client)
    const ways = [...new Set([...of(flush), ...of(failover)].map(({ way }) => way))]
    return ways.map((way) => {
      const cost = of(overhead).find((row) => row.way === way && row.callers === 16)
      const load = of(flush).find((row) => row.way === way)
      const grown = of(soak).find((row) => row.way === way)
      const struck = of(failover).filter((row) => row.way === way)
      const name = label(way, client)
      return [
        client,
        isOurs(way) ? `**${name}**` : name,
        way === 'bare' ? '1' : (cost?.ratio.toFixed(3) ?? ''),
        way === 'bare' ? '1' : (cost?.cpu.toFixed(2) ?? ''),
        load?.['p99 ms'].toFixed(1) ?? '',
        load?.ratio.toFixed(2) ?? '',
        load === undefined ? '' : `${load.failed + load['never answered']}`,
        load === undefined ? '' : `${load['peak connections']}`,
        ...strokes.map((stroke) => firstAnswer(struck, stroke)),
        strokes.map((stroke) => lost(struck, stroke)).join(' · '),
        grown === undefined ? '' : `${grown['heap MB']} / ${grown.renewals.toLocaleString('en')}`,
      ]
    })
  })
  return table(
    2,
    [
      'client',
      'way',
      'queries/s × bare',
      'CPU/query × bare',
      'p99 ms',
      'p99 × bare',
      'failed or unanswered',
      'peak connections',
      'move: ms',
      'freeze: ms',
      'kill: ms',
      'demote: ms',
      'failed or unanswered: these four',
      'heap MB / renewals',
    ],
    rows,
  )
}

function firstAnswer(rows: readonly FailoverRow[], scenario: string): string {
  const row = rows.find((each) => each.scenario === scenario)
  return row === undefined ? '' : `${row['first from new, ms']}`
}

function lost(rows: readonly FailoverRow[], scenario: string): string {
  const row = rows.find((each) => each.scenario === scenario)
  return row === undefined ? '–' : `${row.failed + row['never answered']}`
}

const reading = [
  'The first two figures are about the time between two renewals, with 16 callers. The next four: a renewal a second, at 800 queries per second on a pool of 10, each way in turn on one server. The next five: the name moves to another server, and the old one serves on, hangs, dies or turns read-only; milliseconds until the new one answers. The last: what the heap has grown by.',
  'A maximum age renews each connection by itself, mysql2 has none. “On a timer”: a fresh client takes over at once, the old one is ended and not waited for. The [AWS wrapper](https://github.com/aws/aws-advanced-nodejs-wrapper) runs with its `efm2` plugin, whose time limits are shortened, and with `maxLifetimeSeconds` on `pg`; the rest of it needs Aurora, which is what it is made for. It wraps each connection anew whenever one is taken from its pool. The bench listens for the errors of its inner pool, which is private: without that, an idle connection that breaks ends the process.',
].join('\n\n')

/** Overhead and flushes of every client, with the intervals. */
function everyClient({ overhead, flush }: BenchRecord): string {
  const clients = [...new Set(overhead.map(({ client }) => client))]
  const rows = clients.map((client) => {
    const ratio = (callers: number, wanted: string): string => {
      const row = overhead.find((each) => each.client === client && each.callers === callers && each.way === wanted)
      return row === undefined ? '' : `${row.ratio.toFixed(3)} (${row.low.toFixed(3)}–${row.high.toFixed(3)})`
    }
    const cpu = overhead.find((each) => each.client === client && each.callers === 16 && each.way === 'ours-interval')
    const load = (way: string) => flush.find((row) => row.client === client && row.way === way)
    const ours = load('ours-interval')
    return [
      client,
      ratio(1, 'ours-interval'),
      ratio(1, 'bare again'),
      ratio(16, 'ours-interval'),
      ratio(16, 'bare again'),
      ratio(16, 'queue'),
      cpu === undefined ? '' : `${tenth(cpu['added µs'])} (${tenth(cpu['added low'])}–${tenth(cpu['added high'])})`,
      load('bare')?.['p99 ms'].toFixed(1) ?? '',
      ours?.['p99 ms'].toFixed(1) ?? '',
      ours?.ratio.toFixed(2) ?? '',
      ours === undefined ? '' : `${ours['peak connections']}`,
    ]
  })
  const { rounds = 0, sittings = 0 } = overhead[0] ?? {}
  const text = `Every client, periodic-flush beside bare. Medians of ${rounds} paired rounds in ${sittings} sittings, for each of which everything is opened anew, with their 95 % bootstrap interval. The control is the bare client against itself, and shows how far two equal things may seem apart. The queue is the bare client behind the least thing that could hold back a query: a counter and a list of those who wait.`
  const header = [
    'client',
    'queries/s × bare, 1 caller',
    'control',
    '16 callers',
    'control',
    'a queue alone',
    'CPU/query: added µs',
    'bare p99 ms',
    'p99 ms while flushing',
    '× bare',
    'peak connections',
  ]
  return `${text}\n\n${table(1, header, rows)}`
}

/** What was promised and not reached, by name, with the reason. */
function goals({ goals }: BenchRecord): string {
  const of = (verdict: Goal['verdict']) => goals.filter((goal) => goal.verdict === verdict)
  const missed = of('missed')
  const unclear = of('unclear')
  return [
    `Of ${goals.length} goals, ${of('reached').length} were reached, ${missed.length} missed, and of ${unclear.length} the interval lies on both sides of the goal.`,
    ...(missed.length > 0 ? [`Missed:\n\n${byGoal(missed)}`] : []),
    ...(unclear.length > 0 ? [`On both sides of the goal:\n\n${byGoal(unclear)}`] : []),
  ].join('\n\n')
}

/** A line for each goal and reason, with the clients and what was measured of each. */
function byGoal(goals: readonly Goal[]): string {
  const lines = new Map<string, { readonly clients: string[]; readonly reason: string }>()
  for (const { bench, client, goal, value, verdict, reason = 'not known' } of goals) {
    const why = verdict === 'missed' ? `. Reason: ${reason}.` : ''
    const key = `${bench}, ${goal}`
    const line = lines.get(key + why) ?? { clients: [`- ${key}`], reason: why }
    line.clients.push(`${client} ${value}`)
    lines.set(key + why, line)
  }
  return [...lines.values()]
    .map(({ clients: [goal, ...clients], reason }) => `${goal}: ${clients.join(', ')}${reason}`)
    .join('\n')
}

const tenth = (value: number): string => value.toFixed(1)

function notes({ notes }: BenchRecord): string {
  const known = benchNames.flatMap((bench) => notes.filter((note) => note.bench === bench))
  const lines = known.map(({ bench, client, way, text }) => `- ${bench}, ${client}, ${label(way)}: ${text}`)
  return lines.length === 0 ? '' : `Not measured:\n\n${lines.join('\n')}`
}
