import type { BenchRecord, FailoverRow, OverheadRow } from '../record.ts'
import { drawnBars } from './bars.ts'
import { isOurs, label } from './labels.ts'
import { drawnWhiskers, type Whisker } from './whiskers.ts'

/** The pictures of a record, by the name of their file. */
export function pictures(record: BenchRecord): ReadonlyMap<string, string> {
  return new Map([
    ['overhead.svg', overheadPicture(record)],
    ['flush.svg', flushPicture(record)],
    ['failover.svg', failoverPicture(record)],
  ])
}

function overheadPicture({ overhead }: BenchRecord): string {
  const ours = overhead.filter(({ way }) => way === 'ours-interval')
  return drawnWhiskers({
    title: 'Between two flushes',
    caption: 'Median and 95 % interval; pale: the bare client against itself',
    goal: 0.98,
    rows: ours.map((row) => {
      const control = overhead.find(
        ({ client, callers, way }) => client === row.client && callers === row.callers && way === 'bare again',
      )
      return {
        name: `${row.client}, ${row.callers === 1 ? '1 caller' : `${row.callers} callers`}`,
        ours: whisker(row),
        control: control && whisker(control),
      }
    }),
  })
}

function whisker({ ratio, low, high }: OverheadRow): Whisker {
  return { median: ratio, low, high }
}

function flushPicture({ flush }: BenchRecord): string {
  const clients = [...new Set(flush.map(({ client }) => client))]
  return drawnBars({
    title: 'While everything is renewed once a second',
    caption: '99th percentile at 800 queries per second, a pool of 10; orange: off the scale',
    unit: 'ms',
    longest: 100,
    endless: '',
    groups: clients.map((name) => ({
      name,
      bars: flush
        .filter(({ client }) => client === name)
        .map((row) => ({ label: label(row.way), value: row['p99 ms'], ours: isOurs(row.way) })),
    })),
  })
}

const strokes: Readonly<Record<string, string>> = {
  move: 'The name moves',
  freeze: 'The name moves, the old server hangs',
  kill: 'The name moves, the old server dies',
  demote: 'The name moves, the old server turns read-only',
}

function failoverPicture({ failover }: BenchRecord): string {
  const scenarios = [...new Set(failover.map(({ scenario }) => scenario))]
  const ways = [...new Set(failover.map(({ way }) => way))]
  return drawnBars({
    title: 'Until the new server answers',
    caption: 'The slowest of the clients; all that has a timer renews once a second',
    unit: 'ms',
    longest: 2_500,
    endless: 'never',
    groups: scenarios.map((scenario) => ({
      name: strokes[scenario] ?? scenario,
      bars: ways.map((way) => ({
        label: label(way),
        value: slowest(failover.filter((row) => row.scenario === scenario && row.way === way)),
        ours: isOurs(way),
      })),
    })),
  })
}

function slowest(rows: readonly FailoverRow[]): number | undefined {
  const times = rows.map((row) => row['first from new, ms'])
  return times.includes('never') ? undefined : Math.max(...times.map(Number))
}
