import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseServer } from '@periodic-flush/testing'
import { ended } from './ended.ts'
import { type Asked, type Entrant, entrants } from './entrants.ts'
import { atMost, median } from './interval.ts'
import { openLoop, percentile } from './open-loop.ts'
import { Peak } from './peak.ts'
import { type Findings, type FlushRow, type Goal, type Note, unexplained } from './record.ts'
import { INTERVAL_MS, POOL, type Way, ways } from './rivals.ts'
import { chosen, type Selection } from './selection.ts'
import { benchable, startServer } from './server.ts'

const RATE = 800
const RATIO_GOAL = 1.5
/** What is still pending at the end of a round gets so long. */
const GRACE_MS = 5_000

interface Length {
  readonly rounds: number
  readonly ms: number
}

const full: Length = { rounds: 3, ms: 3_000 }
const quick: Length = { rounds: 1, ms: 1_500 }

/** One way through one round. */
interface Load {
  readonly p99: number
  readonly asked: number
  readonly failed: number
  readonly neverAnswered: number
  readonly failedFlushes: number
  readonly peak: number
}

async function load(contender: Asked, server: DatabaseServer, ms: number): Promise<Load> {
  const latencies: number[] = []
  const pending: Promise<unknown>[] = []
  let failed = 0
  let failedFlushes = 0
  const count = () => failedFlushes++
  subscribe('periodic-flush:failed', count)
  const peak = new Peak(server)
  await openLoop({ rate: RATE, ms }, (_, dueAt) => {
    pending.push(
      contender.ask().then(
        () => latencies.push(performance.now() - dueAt),
        () => failed++,
      ),
    )
  })
  // Some ways of ending a client leave what waited in it unanswered for ever.
  await Promise.race([Promise.all(pending), sleep(GRACE_MS, undefined, { ref: false })])
  unsubscribe('periodic-flush:failed', count)
  if (latencies.length === 0) throw new Error('no query was answered')
  const asked = pending.length
  const neverAnswered = asked - latencies.length - failed
  return { p99: percentile(latencies, 0.99), asked, failed, neverAnswered, failedFlushes, peak: await peak.stop() }
}

async function warmUp(contender: Asked): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: POOL }, () => contender.ask()))
}

/** A renewal every second under a steady load, whoever does it, beside the bare client without one in the same round. */
export async function flush(selection: Selection = {}): Promise<Findings<FlushRow>> {
  const names = chosen(
    'client',
    selection.client,
    entrants.map(({ name }) => name),
  )
  const [clients, notes] = benchable(
    'flush',
    entrants.filter(({ name }) => names.includes(name)),
  )
  const rows: FlushRow[] = []
  const goals: Goal[] = []
  for (const entrant of clients) {
    const server = await startServer(entrant)
    try {
      const measured = await rounds(entrant, server, selection.quick ? quick : full, notes)
      rows.push(...measured)
      goals.push(...judged(measured))
    } finally {
      await server.stop()
    }
  }
  return { rows, goals, notes }
}

async function rounds(entrant: Entrant, server: DatabaseServer, length: Length, notes: Note[]): Promise<FlushRow[]> {
  const courses = new Map<Way, Load[]>(ways.filter((way) => way !== 'ours-triggers').map((way) => [way, []]))
  for (let round = 0; round < length.rounds; round++) {
    // Each round begins with another one.
    const order = [...courses.keys()]
    for (const way of [...order.slice(round % order.length), ...order.slice(0, round % order.length)]) {
      const measured = await through(entrant, way, server, length.ms).catch((error: Error) => {
        if (way !== 'aws-wrapper') throw error
        notes.push({ bench: 'flush', client: entrant.name, way, text: `does not run here: ${error.message}` })
      })
      if (measured === undefined) courses.delete(way)
      else courses.get(way)?.push(measured)
    }
  }
  const bare = courses.get('bare') ?? []
  return [...courses].map(([way, loads]) => summed(entrant, way, loads, bare))
}

/** One client, opened, warmed up, loaded and ended; undefined where it has no such way. */
async function through(entrant: Entrant, way: Way, server: DatabaseServer, ms: number): Promise<Load | undefined> {
  const contender = entrant.contender(way, server.url(), INTERVAL_MS)
  if (contender === undefined) return undefined
  await warmUp(contender)
  const measured = await load(contender, server, ms)
  await ended(contender)
  // What it may have left open is not the next one's.
  await server.killBackends()
  return measured
}

function summed({ name, engine }: Entrant, way: Way, loads: readonly Load[], bare: readonly Load[]): FlushRow {
  const p99 = loads.map((load) => load.p99)
  const ratios = p99.map((value, round) => value / (bare[round]?.p99 ?? Number.NaN))
  const sum = (of: (load: Load) => number) => loads.reduce((total, load) => total + of(load), 0)
  return {
    client: name,
    way,
    // The wrapper hands pg's own lifetime on; mysql2 has none.
    renews: way !== 'bare' && !(way === 'aws-wrapper' && engine === 'mariadb'),
    queries: sum(({ asked }) => asked),
    failed: sum(({ failed }) => failed),
    'never answered': sum(({ neverAnswered }) => neverAnswered),
    'failed flushes': sum(({ failedFlushes }) => failedFlushes),
    'p99 ms': tenths(median(p99)),
    'p99 least': tenths(Math.min(...p99)),
    'p99 most': tenths(Math.max(...p99)),
    ratio: hundredths(median(ratios)),
    'ratio least': hundredths(Math.min(...ratios)),
    'ratio most': hundredths(Math.max(...ratios)),
    'peak connections': Math.max(...loads.map(({ peak }) => peak)),
    rounds: loads.length,
  }
}

const tenths = (value: number): number => Math.round(value * 10) / 10
const hundredths = (value: number): number => Math.round(value * 100) / 100

const eager =
  'its adapter opens its whole pool at once and tells neither its limit nor its sockets, so that two whole pools overlap'

/** Why a client misses what the others reach, where that is known. */
const reasons: Readonly<Record<string, string>> = { 'prisma/adapter-mariadb': eager }

function judged(rows: readonly FlushRow[]): Goal[] {
  const ours = rows.find(({ way }) => way === 'ours-interval')
  if (ours === undefined) return []
  const others = rows.filter(({ way, renews }) => renews && way !== 'ours-interval')
  const best = Math.min(...others.map((row) => row['p99 ms']))
  const { client, ratio, 'ratio least': least, 'ratio most': most } = ours
  const failed = ours.failed + ours['never answered']
  const verdict = (met: boolean) => (met ? 'reached' : 'missed')
  const goals: [verdict: Goal['verdict'], goal: string, value: string][] = [
    [
      atMost(RATIO_GOAL, { median: ratio, low: least, high: most }),
      `p99 ≤ ${RATIO_GOAL} × bare while flushing, in each round`,
      `${ratio} (${least}–${most})`,
    ],
    [verdict(failed === 0), 'no query fails while flushing', `${failed}`],
    [verdict(ours['failed flushes'] === 0), 'no flush fails', `${ours['failed flushes']}`],
    [verdict(ours['peak connections'] <= POOL + 1), `peak connections ≤ ${POOL + 1}`, `${ours['peak connections']}`],
  ]
  if (others.length > 0) {
    const value = `${ours['p99 ms']} ms, the best of the others ${best} ms`
    goals.push([verdict(ours['p99 ms'] < best), 'p99 below every alternative that renews', value])
  }
  return goals.map(([verdict, goal, value]) => ({
    bench: 'flush',
    client,
    goal,
    value,
    verdict,
    ...(verdict === 'missed' && { reason: reasons[client] ?? unexplained }),
  }))
}
