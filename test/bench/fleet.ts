import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { defaults } from '@periodic-flush/core'
import { drawn } from './fleet/plot.ts'
import { scenarios } from './fleet/scenarios.ts'
import { CONNECTIONS, MOVES_AT_S, PROCESSES, secondsUntil, simulate } from './fleet/simulation.ts'
import { withBlock } from './report/block.ts'
import { figures as shown } from './report/figures.ts'

/** With the defaults, no second may see more connects than this many times the mean over the interval. */
const GOAL = 2
/** How many fleets with the defaults have to keep it, each with a chance of its own. */
const FLEETS = 10

/** What the README shows of a scenario. */
export interface Figures {
  readonly fleet: string
  readonly 'peak connects/s': number
  readonly '× mean': number
  readonly 'half moved after s': number | undefined
  readonly 'all moved after s': number | undefined
}

const plots = new URL('../../plots/', import.meta.url)
const readme = new URL('../../../../README.md', import.meta.url)
const connections = PROCESSES * CONNECTIONS
/** Connects per second if flushes were spread evenly over the interval. */
const mean = connections / (defaults.intervalMs / 1_000)

const tenths = (value: number): number => Math.round(value * 10) / 10

/** A fleet on a virtual clock: connects per second at the server, and how fast the fleet follows a name that moves. Writes the pictures, and the README's table. */
export async function fleet(): Promise<object[]> {
  await mkdir(plots, { recursive: true })
  const rows: Figures[] = []
  for (const { id, title, caption, fleet } of scenarios) {
    const course = await simulate(fleet)
    const peak = Math.max(...course.connectsPerSecond)
    rows.push({
      fleet: title,
      'peak connects/s': peak,
      '× mean': tenths(peak / mean),
      'half moved after s': secondsUntil(course, 0.5),
      'all moved after s': secondsUntil(course, 1),
    })
    const svg = drawn({
      title,
      caption,
      perSecond: course.connectsPerSecond,
      share: course.moved,
      mark: { second: MOVES_AT_S, label: 'the name moves' },
      ticks: [0, connections / 2, connections],
    })
    await writeFile(new URL(`${id}.svg`, plots), svg)
  }
  const worst = await worstPeak()
  const figures = { processes: PROCESSES, connections: CONNECTIONS, fleets: FLEETS, worst: tenths(worst), rows }
  await writeFile(new URL('fleet.json', plots), `${JSON.stringify(figures, undefined, 2)}\n`)
  await writeFile(readme, withBlock('fleet', await readFile(readme, 'utf8'), shown(rows)))
  const verdict = `of ${FLEETS} fleets with the defaults, the highest peak is ${worst.toFixed(2)} × the mean (≤ ${GOAL})`
  if (worst > GOAL) {
    console.error(`Missed: ${verdict}`)
    process.exitCode = 1
  } else console.error(`Reached: ${verdict}`)
  return rows
}

/** The highest peak of several fleets with the defaults, as a multiple of the mean. */
async function worstPeak(): Promise<number> {
  let worst = 0
  for (let seed = 1; seed <= FLEETS; seed++) {
    const { connectsPerSecond } = await simulate(() => ({ options: {} }), seed)
    worst = Math.max(worst, Math.max(...connectsPerSecond) / mean)
  }
  return worst
}
