import { createFlusher } from '@periodic-flush/core'
import { ended } from './ended.ts'
import { type Asked, type Entrant, entrants } from './entrants.ts'
import { atLeast, interval, median } from './interval.ts'
import { type Findings, type Goal, type Note, type OverheadRow, unexplained } from './record.ts'
import { ways } from './rivals.ts'
import { chosen, type Selection } from './selection.ts'
import { benchable, startServer } from './server.ts'

const GOAL = 0.98
const LEASE_GOAL_NS = 150
/** So long that nothing is renewed meanwhile: this is about the time between two renewals. */
const INTERVAL_MS = 86_400_000
/** The bare client once more, opened apart: how far a ratio may be from 1 where there is no difference. */
const CONTROL = 'bare again'

/** So many slices first, so that code is compiled and connections are open. */
const WARM_UP = 8

interface Length {
  readonly rounds: number
  readonly sliceMs: number
}

// No collection is forced between slices: V8 drops code that it finds unused in a few of them, and only what all ways
// share would be in use often enough to stay.
const full: Length = { rounds: 60, sliceMs: 25 }
const quick: Length = { rounds: 3, sliceMs: 40 }

/** One way through all rounds: what each had of throughput and of CPU time per query. */
interface Course {
  readonly way: string
  readonly contender: Asked
  readonly rounds: Slice[]
}

interface Slice {
  readonly perSecond: number
  readonly cpuPerQuery: number
}

/** `callers` that ask one query after the other, for a while. */
async function slice(contender: Asked, callers: number, ms: number): Promise<Slice> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  let answered = 0
  const caller = async () => {
    while (performance.now() - start < ms) {
      await contender.ask()
      answered++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const elapsed = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (answered * 1_000) / elapsed, cpuPerQuery: (user + system) / answered }
}

/** What one lease costs: acquire and release, in nanoseconds. */
function leaseCost(): number {
  const flusher = createFlusher({
    name: 'bench',
    open: () => ({}),
    check: async () => {},
    close: async () => {},
    cut: () => {},
  })
  const holder = { kind: 'query', cut: () => {} } as const
  const costs: number[] = []
  const times = 200_000
  for (let round = 0; round < 9; round++) {
    const start = process.hrtime.bigint()
    for (let n = 0; n < times; n++) flusher.tryAcquire(holder)?.release()
    costs.push(Number(process.hrtime.bigint() - start) / times)
  }
  void flusher.close()
  return median(costs)
}

/**
 * Every way against the bare client, on one server: in each round each has its turn twice, once forwards and once
 * backwards, so that a drift of the machine favours none, and only what happened in one round is compared.
 */
export async function overhead(selection: Selection = {}): Promise<Findings<OverheadRow>> {
  const length = selection.quick ? quick : full
  const names = chosen('client', selection.client, ['core', ...entrants.map(({ name }) => name)])
  const [clients, notes] = benchable(
    'overhead',
    entrants.filter(({ name }) => names.includes(name)),
  )
  const rows: OverheadRow[] = []
  const goals: Goal[] = names.includes('core') ? [lease(leaseCost())] : []
  for (const entrant of clients) {
    const server = await startServer(entrant)
    try {
      for (const callers of [1, 16]) {
        const measured = await against(entrant, server.url(), callers, length, notes)
        rows.push(...measured)
        goals.push(...measured.filter(({ way }) => way === 'ours-interval').map(judged))
      }
    } finally {
      await server.stop()
    }
  }
  return { rows, goals, notes }
}

async function against(
  entrant: Entrant,
  url: string,
  callers: number,
  { rounds, sliceMs }: Length,
  notes: Note[],
): Promise<OverheadRow[]> {
  const courses = await opened(entrant, url, callers, sliceMs, notes)
  for (let round = 0; round < rounds; round++) {
    // Nobody is always the first.
    const order = courses.map((_, index) => courses[(index + round) % courses.length] as Course)
    const forth = new Map<Course, Slice>()
    for (const course of order) forth.set(course, await slice(course.contender, callers, sliceMs))
    for (const course of order.toReversed()) {
      const first = forth.get(course) as Slice
      const second = await slice(course.contender, callers, sliceMs)
      course.rounds.push({
        perSecond: (first.perSecond + second.perSecond) / 2,
        cpuPerQuery: (first.cpuPerQuery + second.cpuPerQuery) / 2,
      })
    }
  }
  await Promise.all(courses.map(({ contender }) => ended(contender)))
  const [bare, ...others] = courses as [Course, ...Course[]]
  return others.map((course) => compared(entrant.name, callers, course, bare))
}

/** All ways, the bare one first; warm. */
async function opened(
  entrant: Entrant,
  url: string,
  callers: number,
  sliceMs: number,
  notes: Note[],
): Promise<Course[]> {
  const courses: Course[] = []
  for (const way of [...ways, CONTROL]) {
    // Our triggers do nothing while nothing happens; what they cost is the timer's.
    if (way === 'ours-triggers') continue
    const contender = entrant.contender(way === CONTROL ? 'bare' : (way as (typeof ways)[number]), url, INTERVAL_MS)
    if (contender === undefined) continue
    try {
      for (let n = 0; n < WARM_UP; n++) await slice(contender, callers, sliceMs)
      courses.push({ way, contender, rounds: [] })
    } catch (error) {
      if (way !== 'aws-wrapper') throw error
      notes.push({
        bench: 'overhead',
        client: entrant.name,
        way,
        text: `does not run here: ${(error as Error).message}`,
      })
    }
  }
  return courses
}

function compared(client: string, callers: number, { way, rounds }: Course, bare: Course): OverheadRow {
  const against = (compare: (slice: Slice, bare: Slice) => number) =>
    interval(rounds.map((slice, round) => compare(slice, bare.rounds[round] as Slice)))
  const throughput = against((slice, bare) => slice.perSecond / bare.perSecond)
  const cpu = against((slice, bare) => slice.cpuPerQuery / bare.cpuPerQuery)
  const added = against((slice, bare) => slice.cpuPerQuery - bare.cpuPerQuery)
  return {
    client,
    way,
    callers,
    ratio: thousandths(throughput.median),
    low: thousandths(throughput.low),
    high: thousandths(throughput.high),
    cpu: thousandths(cpu.median),
    'cpu low': thousandths(cpu.low),
    'cpu high': thousandths(cpu.high),
    'added µs': thousandths(added.median),
    'added low': thousandths(added.low),
    'added high': thousandths(added.high),
    'bare µs': thousandths(median(bare.rounds.map(({ cpuPerQuery }) => cpuPerQuery))),
    rounds: rounds.length,
  }
}

const thousandths = (value: number): number => Math.round(value * 1_000) / 1_000

const reason =
  'each query takes and gives back a lease, and a promise or a callback of ours stands between the driver and its caller; where nothing else takes time (a server on the same machine, one row), that much CPU shows'

function judged(row: OverheadRow): Goal {
  const verdict = atLeast(GOAL, { median: row.ratio, low: row.low, high: row.high })
  return {
    bench: 'overhead',
    client: row.client,
    goal: `throughput with ${row.callers === 1 ? 'one caller' : `${row.callers} callers`} ≥ ${GOAL} × bare`,
    value: `${row.ratio} (${row.low}–${row.high}; ${row['added µs']} µs of CPU on top of ${row['bare µs']})`,
    verdict,
    ...(verdict === 'missed' && { reason }),
  }
}

function lease(ns: number): Goal {
  return {
    bench: 'overhead',
    client: 'core',
    goal: `a lease ≤ ${LEASE_GOAL_NS} ns`,
    value: `${Math.round(ns)} ns`,
    ...(ns <= LEASE_GOAL_NS ? { verdict: 'reached' } : { verdict: 'missed', reason: unexplained }),
  }
}
