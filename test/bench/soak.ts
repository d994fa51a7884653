import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Pair, pairs } from './contenders.ts'
import { type Findings, type Goal, type SoakRow, unexplained } from './record.ts'
import { chosen, type Selection } from './selection.ts'
import { benchable, startServer } from './server.ts'

/** What is re-created has no need of so many: what grows shows sooner. */
const full = { 'ours-interval': 10_000, 're-created': 1_000 } as const
const quick = { 'ours-interval': 200, 're-created': 50 } as const
const HEAP_GOAL_MB = 1
const LOOKS = 5

type Way = keyof typeof full

interface Footprint {
  readonly heapMb: number
  /** Undefined where the system does not tell. */
  readonly descriptors: number | undefined
  readonly listeners: number
}

/** What is there. Some garbage goes only after a turn of the loop, and some code with a later collection: the least counts. */
async function footprint(): Promise<Footprint> {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  let heapMb = Number.POSITIVE_INFINITY
  for (let look = 0; look < LOOKS; look++) {
    await sleep(20)
    globalThis.gc()
    heapMb = Math.min(heapMb, process.memoryUsage().heapUsed / 2 ** 20)
  }
  return {
    heapMb,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : undefined,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  }
}

/** Renews so many times, asking once each time. */
interface Renewing {
  renew(times: number): Promise<void>
  end(): Promise<unknown>
}

const renewing: Readonly<Record<Way, (pair: Pair, url: string) => Renewing>> = {
  'ours-interval'({ wrapped }, url) {
    const client = wrapped(url)
    return {
      async renew(times) {
        for (let n = 0; n < times; n++) {
          await client.ask()
          await client.flush()
        }
      },
      end: () => client.end(),
    }
  },
  // As gently as can be: nothing runs, and the old one's end is waited for.
  're-created'({ bare }, url) {
    let client = bare(url)
    return {
      async renew(times) {
        for (let n = 0; n < times; n++) {
          await client.ask()
          const old = client
          client = bare(url)
          await old.end()
        }
      },
      end: () => client.end(),
    }
  },
}

/** 10,000 flushes: what they leave behind, beside what new clients leave behind. */
export async function soak(selection: Selection = {}): Promise<Findings<SoakRow>> {
  const names = chosen(
    'client',
    selection.client,
    pairs.map(({ name }) => name),
  )
  const [clients, notes] = benchable(
    'soak',
    pairs.filter(({ name }) => names.includes(name)),
  )
  const lengths = selection.quick ? quick : full
  const rows: SoakRow[] = []
  for (const pair of clients) {
    const server = await startServer(pair)
    try {
      for (const way of Object.keys(lengths) as Way[]) {
        rows.push(await grown(pair, way, server.url(), lengths[way]))
      }
    } finally {
      await server.stop()
    }
  }
  return { rows, goals: rows.filter(({ way }) => way === 'ours-interval').flatMap(judged), notes }
}

async function grown(pair: Pair, way: Way, url: string, renewals: number): Promise<SoakRow> {
  const client = renewing[way](pair, url)
  const renew = async (times: number) => {
    await client.renew(times)
    await sleep(100)
  }
  // The first ones fill what is filled once.
  await renew(Math.max(50, renewals / 20))
  const before = await footprint()
  await renew(renewals)
  const after = await footprint()
  await client.end()
  return {
    client: pair.name,
    way,
    renewals,
    'heap MB': Math.round((after.heapMb - before.heapMb) * 100) / 100,
    'file descriptors':
      after.descriptors === undefined || before.descriptors === undefined
        ? null
        : after.descriptors - before.descriptors,
    listeners: after.listeners - before.listeners,
  }
}

function judged(row: SoakRow): Goal[] {
  const after = `after ${row.renewals.toLocaleString('en')} flushes`
  const goals: readonly [met: boolean, goal: string, value: string][] = [
    [row['heap MB'] <= HEAP_GOAL_MB, `heap ≤ +${HEAP_GOAL_MB} MB ${after}`, `${row['heap MB']} MB`],
    [
      (row['file descriptors'] ?? 0) <= 0,
      `no file descriptor more ${after}`,
      `${row['file descriptors'] ?? 'not told'}`,
    ],
    [row.listeners <= 0, `no listener more ${after}`, `${row.listeners}`],
  ]
  return goals.map(([met, goal, value]) => ({
    bench: 'soak',
    client: row.client,
    goal,
    value,
    ...(met ? { verdict: 'reached' } : { verdict: 'missed', reason: unexplained }),
  }))
}
