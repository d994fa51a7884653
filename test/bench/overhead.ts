import { createFlusher } from '@periodic-flush/core'
import { ended } from './ended.ts'
import { type Asked, type Entrant, entrants } from './entrants.ts'
import { atLeast, interval, median } from './interval.ts'
import type { Findings, Goal, Note, OverheadRow } from './record.ts'
import { POOL, type Way, ways } from './rivals.ts'
import { chosen, type Selection } from './selection.ts'
import { benchable, startServer } from './server.ts'

const GOAL = 0.98
const LEASE_GOAL_NS = 150
/** So long that nothing is renewed meanwhile: this is about the time between two renewals. */
const INTERVAL_MS = 86_400_000
/** The bare client once more, opened apart: how far a ratio may be from 1 where there is no difference. */
const CONTROL = 'bare again'
/** The bare client behind a queue, and nothing else. */
const QUEUE = 'queue'

/** So many slices first, so that code is compiled and connections are open. */
const WARM_UP = 6

interface Length {
  /**
   * In each, every way is opened anew: two clients that are equal differ by up to a tenth for as long as they live, by where
   * the system has put their connections. More rounds with the same two would only measure that luck more exactly.
   */
  readonly sittings: number
  /** In each sitting. */
  readonly rounds: number
  readonly sliceMs: number
}

// No collection is forced between slices: V8 drops code that it finds unused in a few of them, and only what all ways
// share would be in use often enough to stay.
const full: Length = { sittings: 10, rounds: 6, sliceMs: 25 }
const quick: Length = { sittings: 2, rounds: 2, sliceMs: 40 }

/** One way through one sitting: what each round had of throughput and of CPU time per query. */
interface Course {
  readonly contender: Asked
  readonly rounds: Slice[]
}

/** All ways through one sitting. */
type Sitting = ReadonlyMap<string, Course>

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

/** The least that can stand in front of a client that has a connection for each of its queries. */
function queued(bare: Asked): Asked {
  let free = POOL
  const waiting: (() => void)[] = []
  return {
    async ask() {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      else free--
      try {
        return await bare.ask()
      } finally {
        const next = waiting.shift()
        if (next === undefined) free++
        else next()
      }
    },
    end: () => bare.end(),
  }
}

/** What one call costs, in nanoseconds. */
function cost(call: () => unknown): number {
  const costs: number[] = []
  const times = 200_000
  for (let round = 0; round < 9; round++) {
    const start = process.hrtime.bigint()
    for (let n = 0; n < times; n++) call()
    costs.push(Number(process.hrtime.bigint() - start) / times)
  }
  return median(costs)
}

/** A lease: acquire and release. */
function lease(): Goal {
  const flusher = createFlusher({
    name: 'bench',
    open: () => ({}),
    check: async () => {},
    close: async () => {},
    cut: () => {},
  })
  const holder = { kind: 'query', cut: () => {} } as const
  const ns = cost(() => flusher.tryAcquire(holder)?.release())
  void flusher.close()
  const clocks = cost(() => performance.now() + Date.now())
  const reason = `${Math.round(clocks)} ns of these go into reading two clocks, by which sleep is noticed`
  return {
    bench: 'overhead',
    client: 'core',
    goal: `a lease ≤ ${LEASE_GOAL_NS} ns`,
    value: `${Math.round(ns)} ns`,
    ...(ns <= LEASE_GOAL_NS ? { verdict: 'reached' } : { verdict: 'missed', reason }),
  }
}

/**
 * Every way against the bare client, on one server: in each round each has its turn twice, once forwards and once
 * backwards, so that a drift of the machine favours none, and only what happened in one round is compared. What differs
 * from sitting to sitting is in the interval.
 */
export async function overhead(selection: Selection = {}): Promise<Findings<OverheadRow>> {
  const length = selection.quick ? quick : full
  const names = chosen('client', selection.client, ['core', ...entrants.map(({ name }) => name)])
  const [clients, notes] = benchable(
    'overhead',
    entrants.filter(({ name }) => names.includes(name)),
  )
  const rows: OverheadRow[] = []
  const goals: Goal[] = names.includes('core') ? [lease()] : []
  for (const entrant of clients) {
    const server = await startServer(entrant)
    try {
      for (const callers of [1, 16]) {
        const measured = await against(entrant, server.url(), callers, length, notes)
        rows.push(...measured)
        goals.push(...judged(measured))
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
  { sittings, rounds, sliceMs }: Length,
  notes: Note[],
): Promise<OverheadRow[]> {
  const all: Sitting[] = []
  // Our triggers do nothing while nothing happens; what they cost is the timer's.
  let names: readonly string[] = [...ways.filter((way) => way !== 'ours-triggers'), QUEUE, CONTROL]
  for (let n = 0; n < sittings; n++) {
    const sitting = await opened(entrant, rotated(names, n), url, callers, sliceMs, notes)
    names = names.filter((way) => sitting.has(way))
    const courses = [...sitting.values()]
    for (let round = 0; round < rounds; round++) await taken(rotated(courses, round), callers, sliceMs)
    await Promise.all(courses.map(({ contender }) => ended(contender)))
    all.push(sitting)
  }
  return names.filter((way) => way !== 'bare').map((way) => compared(entrant.name, callers, way, all))
}

/** Nobody is always the first. */
function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length
  return [...items.slice(first), ...items.slice(0, first)]
}

/** The ways that the client has, warm. */
async function opened(
  entrant: Entrant,
  names: readonly string[],
  url: string,
  callers: number,
  sliceMs: number,
  notes: Note[],
): Promise<Sitting> {
  const sitting = new Map<string, Course>()
  for (const way of names) {
    const contender = contenderOf(entrant, way, url)
    if (contender === undefined) continue
    try {
      for (let n = 0; n < WARM_UP; n++) await slice(contender, callers, sliceMs)
      sitting.set(way, { contender, rounds: [] })
    } catch (error) {
      if (way !== 'aws-wrapper') throw error
      const text = `does not run here: ${(error as Error).message}`
      notes.push({ bench: 'overhead', client: entrant.name, way, text })
    }
  }
  return sitting
}

function contenderOf(entrant: Entrant, way: string, url: string): Asked | undefined {
  if (way !== QUEUE && way !== CONTROL) return entrant.contender(way as Way, url, INTERVAL_MS)
  const bare = entrant.contender('bare', url, INTERVAL_MS)
  return bare !== undefined && way === QUEUE ? queued(bare) : bare
}

/** One round, there and back. */
async function taken(courses: readonly Course[], callers: number, sliceMs: number): Promise<void> {
  const there = new Map<Course, Slice>()
  for (const course of courses) there.set(course, await slice(course.contender, callers, sliceMs))
  for (const course of courses.toReversed()) {
    const first = there.get(course) as Slice
    const second = await slice(course.contender, callers, sliceMs)
    course.rounds.push({
      perSecond: (first.perSecond + second.perSecond) / 2,
      cpuPerQuery: (first.cpuPerQuery + second.cpuPerQuery) / 2,
    })
  }
}

function compared(client: string, callers: number, way: string, sittings: readonly Sitting[]): OverheadRow {
  const roundsOf = (sitting: Sitting, way: string) => sitting.get(way)?.rounds ?? []
  const against = (compare: (slice: Slice, bare: Slice) => number) =>
    interval(
      sittings.map((sitting) => {
        const bare = roundsOf(sitting, 'bare')
        return roundsOf(sitting, way).map((slice, round) => compare(slice, bare[round] as Slice))
      }),
    )
  const throughput = against((slice, bare) => slice.perSecond / bare.perSecond)
  const cpu = against((slice, bare) => slice.cpuPerQuery / bare.cpuPerQuery)
  const added = against((slice, bare) => slice.cpuPerQuery - bare.cpuPerQuery)
  const bare = sittings.flatMap((sitting) => roundsOf(sitting, 'bare'))
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
    'bare µs': thousandths(median(bare.map(({ cpuPerQuery }) => cpuPerQuery))),
    sittings: sittings.length,
    rounds: bare.length,
  }
}

const thousandths = (value: number): number => Math.round(value * 1_000) / 1_000

/** What the rows of one client with so many callers promise. */
function judged(rows: readonly OverheadRow[]): Goal[] {
  const ours = rows.find(({ way }) => way === 'ours-interval')
  if (ours === undefined) return []
  const { client, callers, ratio, low, high } = ours
  const verdict = atLeast(GOAL, { median: ratio, low, high })
  return [
    {
      bench: 'overhead',
      client,
      goal: `throughput with ${callers === 1 ? 'one caller' : `${callers} callers`} ≥ ${GOAL} × bare`,
      value: `${ratio} (${low}–${high}; ${ours['added µs']} µs of CPU on top of ${ours['bare µs']}; ${alone(rows)})`,
      verdict,
      ...(verdict === 'missed' && { reason }),
    },
  ]
}

/** What a queue by itself comes to. */
function alone(rows: readonly OverheadRow[]): string {
  const queue = rows.find(({ way }) => way === QUEUE)
  return queue === undefined ? 'no queue measured' : `a queue alone ${queue.ratio} (${queue.low}–${queue.high})`
}

const reason =
  'each query takes and gives back a lease, and a promise or a callback of ours stands between the driver and its caller; where nothing else takes time (a server on the same machine, one row), that much CPU shows'
