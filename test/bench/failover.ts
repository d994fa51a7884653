import { channel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DatabaseServer, mariadbAvailable } from '@periodic-flush/testing'
import { ended } from './ended.ts'
import { openLoop } from './open-loop.ts'
import { Outcomes } from './outcomes.ts'
import { Pairs } from './pairs.ts'
import { Peak } from './peak.ts'
import { type FailoverRow, type Findings, type Goal, type Note, unexplained } from './record.ts'
import { DEADLINE_MS, INTERVAL_MS, POOL, type Rival, rivals, type Way, ways } from './rivals.ts'
import { chosen, type Selection } from './selection.ts'
import { Wire } from './wire.ts'

const RATE = 800
/** Tell when a flush begins and when its fresh client serves. */
const flushes = ['tracing:periodic-flush:flush:start', 'periodic-flush:swap'].map((name) => channel(name))
/** What goes by a timer has renewed a moment ago: its next turn is far away. */
const BEFORE_MS = INTERVAL_MS + 250
/** Long enough for the next renewal, and for the deadline of what was on the way then. */
const AFTER_MS = INTERVAL_MS + DEADLINE_MS + 400
/** What is still pending gets so long to be answered or to fail. */
const GRACE_MS = 600

/** What happens to the old server at the moment when the name moves to the new one. */
const scenarios = {
  move: async () => {},
  freeze: (old: DatabaseServer) => old.freeze(),
  kill: (old: DatabaseServer) => old.stop(),
  demote: (old: DatabaseServer) => old.readOnly(true),
} satisfies Record<string, (old: DatabaseServer) => Promise<void>>

type Scenario = keyof typeof scenarios

/** What one run comes to. */
interface Result {
  readonly outcomes: Outcomes
  readonly firstFromNew: number | undefined
  readonly lastFromOld: number
  readonly failed: number
  readonly onWire: number
  readonly neverAnswered: number
  readonly peak: number
  /** Rows that the old server took of queries that were asked after the first error. */
  readonly acceptedAfterError: number | undefined
  /** Rows that both servers took. */
  readonly twice: number
}

/** Two servers, steady writes, and the old server struck as the name moves: who comes over, when, and at which price. */
export async function failover(selection: Selection = {}): Promise<Findings<FailoverRow>> {
  const clients = chosen(
    'client',
    selection.client,
    rivals.map(({ name }) => name),
  )
  const strokes = chosen('scenario', selection.scenario, Object.keys(scenarios) as Scenario[])
  await using pairs = new Pairs()
  const rows: FailoverRow[] = []
  const goals: Goal[] = []
  const notes: Note[] = []
  for (const rival of rivals.filter(({ name }) => clients.includes(name))) {
    if (rival.engine === 'mariadb' && !mariadbAvailable()) {
      const text = 'MariaDB is not installed (Debian and Ubuntu: apt-get install mariadb-server)'
      notes.push({ bench: 'failover', client: rival.name, way: 'any', text })
      continue
    }
    for (const scenario of strokes) {
      for (const way of chosen('way', selection.way, ways)) {
        const result = await run(pairs, rival, scenario, way)
        if (result === undefined) continue
        const row = { client: rival.name, scenario, way, ...shown(result) }
        console.error(Object.values(row).join(' | '))
        rows.push(row)
        if (way === 'ours-triggers') goals.push(...judged(rival, scenario, result))
      }
    }
  }
  return { rows, goals, notes }
}

/** One contender through one scenario; undefined where the client has no such way. */
async function run(pairs: Pairs, rival: Rival, scenario: Scenario, way: Way): Promise<Result | undefined> {
  const { pair, url } = await pairs.get(rival.engine)
  using wire = new Wire(pair.name.name, rival.engine)
  const contender = rival.contender(way, url)
  if (contender === undefined) return undefined
  const { blue: old, green: fresh } = pair
  const outcomes = new Outcomes(rival, wire, old.host)
  const flushing = () => outcomes.flushing()
  for (const each of flushes) each.subscribe(flushing)
  const peak = new Peak(old, fresh)
  const asking = openLoop({ rate: RATE, ms: BEFORE_MS + AFTER_MS }, (n, dueAt) => outcomes.ask(contender, n, dueAt))
  await sleep(BEFORE_MS)
  // A server that is frozen or gone cannot be asked.
  if (scenario === 'freeze' || scenario === 'kill') await peak.leave(old)
  outcomes.struck()
  pair.moveTo('green')
  const stroke = scenarios[scenario](old)
  await asking
  for (const each of flushes) each.unsubscribe(flushing)
  await stroke
  await outcomes.settled(GRACE_MS)
  // Ending the client makes more of them fail.
  const neverAnswered = outcomes.pending
  const { failed, onWire } = outcomes
  const most = await peak.stop()
  if (scenario === 'freeze') await old.thaw()
  const hangs = await ended(contender)
  const [onOld, onFresh] = await Promise.all([scenario === 'kill' ? [] : numbers(old), numbers(fresh)])
  if (hangs || scenario === 'freeze' || scenario === 'kill') await pairs.drop(rival.engine)
  const { firstAfterError = Number.POSITIVE_INFINITY } = outcomes
  return {
    outcomes,
    firstFromNew: outcomes.firstFrom(fresh.host),
    lastFromOld: outcomes.lastFrom(old.host),
    failed,
    onWire,
    neverAnswered,
    peak: most,
    acceptedAfterError: scenario === 'demote' ? onOld.filter((n) => n >= firstAfterError).length : undefined,
    twice: new Set(onOld).size + new Set(onFresh).size - new Set([...onOld, ...onFresh]).size,
  }
}

async function numbers(server: DatabaseServer): Promise<number[]> {
  return (await server.query<{ n: number }>('select n from entry')).map(({ n }) => n)
}

function shown(result: Result): Omit<FailoverRow, 'client' | 'scenario' | 'way'> {
  const { outcomes, firstFromNew, lastFromOld, failed, onWire, neverAnswered, peak, acceptedAfterError } = result
  return {
    'first from new, ms': firstFromNew === undefined ? 'never' : Math.round(firstFromNew),
    'last from old, ms': Math.round(lastFromOld),
    failed,
    'on the wire': onWire,
    'never answered': neverAnswered,
    'old took after an error': acceptedAfterError ?? '',
    'peak connections': peak,
    'p99 ms': Math.round(outcomes.p99),
  }
}

/** What our own way with triggers promises, and why some client or other misses it. */
function judged({ name }: Rival, scenario: Scenario, result: Result): Goal[] {
  const { firstFromNew = Number.POSITIVE_INFINITY, neverAnswered, acceptedAfterError = 0 } = result
  const { failed, onWire, twice, peak } = result
  const goals: [met: boolean, goal: string, value: string][] = [
    [firstFromNew <= 400, 'first answer from the new server ≤ 400 ms', `${Math.round(firstFromNew)} ms`],
    [failed <= onWire, 'failed ≤ on the wire', `${failed} of ${onWire}`],
    [neverAnswered === 0, 'never answered 0', `${neverAnswered}`],
    [acceptedAfterError === 0, 'writes taken by the demoted server after the first error 0', `${acceptedAfterError}`],
    [twice === 0, 'written to both servers 0', `${twice}`],
    [peak <= POOL + 1, `peak connections at a server ≤ ${POOL + 1}`, `${peak}`],
  ]
  // Only the name moves: nothing that the old server was sent need fail.
  if (scenario === 'move') goals.push([failed === 0, 'failed 0', `${failed}`])
  return goals.map(([met, goal, value]) => ({
    bench: 'failover',
    client: name,
    goal: `${scenario}: ${goal}`,
    value,
    ...(met ? { verdict: 'reached' } : { verdict: 'missed', reason: unexplained }),
  }))
}
