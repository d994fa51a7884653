import { setTimeout as sleep } from 'node:timers/promises'
import { failover, nameMoved } from '@periodic-flush/core'
import { mariadbInstalled } from '../mariadb-installed.ts'
import { Arena } from './arena.ts'
import type { Kind } from './client.ts'
import { kinds } from './clients.ts'
import { Complaints, descriptors } from './complaints.ts'
import { mariadbEngine } from './engines/mariadb.ts'
import { postgresEngine } from './engines/postgres.ts'
import { History } from './history.ts'
import { keepWorking, Worker } from './load.ts'
import { planOf, type Step } from './plan.ts'
import { besiege, type Company } from './siege.ts'
import type { Evidence } from './verdict.ts'

/** How a run is made. */
export interface ChaosOptions {
  /** The plan of faults follows from it. */
  readonly seed: number
  /** How long faults go on. */
  readonly ms: number
  /** Only these clients, and these faults, to find out which of them it takes. Default: all. */
  readonly clients?: readonly string[] | undefined
  readonly faults?: readonly string[] | undefined
  /** Hears of what happens, as it happens. */
  readonly tell?: (what: string) => void
}

/** Much shorter than anybody would have them, so that every fault meets flushes in every state. */
const INTERVAL_MS = 2_000
const DEADLINE_MS = 2_000
const CHECK_MS = 4_000
const POLL_MS = 200
/** What a busy machine may take on top of what follows from the options. */
const SLACK_MS = 30_000
/** Connections of each client. */
const MAX = 3
/** Pieces of work a second, of each client. */
const RATE = 3

/**
 * After a fault that has kept flushes from succeeding, the next try may be put off by about as long as it lasted; it may
 * wait for room, open, and check; and then the old client has its deadline.
 */
const patienceMs = (faultMs: number): number =>
  2 * faultMs + INTERVAL_MS + POLL_MS + 3 * CHECK_MS + DEADLINE_MS + SLACK_MS

/** Chaos on real servers; resolves with all that it has brought to light. */
export async function chaos(options: ChaosOptions): Promise<Evidence> {
  const { ms, tell = () => {}, clients } = options
  using complaints = new Complaints()
  const history = new History(tell)
  const chosen = kinds.filter(({ name }) => clients?.includes(name) ?? true)
  const engines = [postgresEngine, ...(mariadbInstalled ? [mariadbEngine] : [])].filter(({ name }) =>
    chosen.some(({ engine }) => engine === name),
  )
  const arenas: Arena[] = []
  try {
    for (const engine of engines) arenas.push(await Arena.start(engine, history))
    // Everything that is loaded or opened once is there now.
    await Promise.all(arenas.map((arena) => warmUp(arena, new Host(arena, history, chosen, options), history)))
    const before = descriptors()
    const hosts = arenas.map((arena) => new Host(arena, history, chosen, options))
    await Promise.all(hosts.map((host) => host.siege(ms)))
    const deaf = (await Promise.all(hosts.map((host) => host.deaf()))).flat()
    await Promise.all(hosts.map((host) => host.close()))
    const connections = new Map<string, number>()
    for (const arena of arenas) {
      for (const [name, count] of await rested(arena)) connections.set(name, count)
    }
    const after = await loweredTo(before)
    const ledger = (await Promise.all(arenas.map((arena) => arena.ledger()))).flat()
    return {
      statements: history.statements,
      happenings: history.happenings,
      dues: history.dues,
      ledger,
      heard: new Map(hosts.flatMap((host) => [...host.heard])),
      deaf,
      complaints: complaints.all,
      connections,
      descriptors: before === undefined || after === undefined ? undefined : { before, after },
      expected: new Map(hosts.flatMap((host) => host.expected)),
    }
  } finally {
    await Promise.all(arenas.map((arena) => arena[Symbol.asyncDispose]()))
  }
}

const optionsOf = (arena: Arena, { secretive }: Kind, cutting: boolean) => ({
  intervalMs: INTERVAL_MS,
  deadlineMs: DEADLINE_MS,
  checkTimeoutMs: CHECK_MS,
  minGapMs: 200,
  onDeadline: cutting ? ('cut' as const) : ('auto' as const),
  triggers: [
    nameMoved({
      pollMs: POLL_MS,
      settleMs: 1_000,
      ...(secretive && { endpoints: [{ host: arena.name.name }] }),
    }),
    failover(),
  ],
})

/** Opens every client once, lets it do everything once, and closes it. */
async function warmUp(arena: Arena, host: Host, { statements }: History): Promise<void> {
  await host.all()
  await host.close()
  await Promise.all(arena.sides.map(({ server }) => Promise.all([1, 2, 3, 4].map(() => server.query('select 1')))))
  await rested(arena)
  const failed = statements.find(({ outcome }) => outcome === 'refused' || outcome === 'unknown')
  if (failed !== undefined) throw new Error(`${failed.client} cannot do "${failed.work}": ${failed.error}`)
}

/** What is left of the connections once nothing changes any more, or after a while. */
async function rested(arena: Arena): Promise<ReadonlyMap<string, number>> {
  const end = performance.now() + SLACK_MS
  for (;;) {
    const connections = await arena.connections()
    if ([...connections.values()].every((count) => count === 0) || performance.now() > end) return connections
    await sleep(50)
  }
}

/** The number of descriptors once it has come down to what it was, or after a while. */
async function loweredTo(before: number | undefined): Promise<number | undefined> {
  const end = performance.now() + SLACK_MS
  for (;;) {
    const now = descriptors()
    if (now === undefined || before === undefined || now <= before || performance.now() > end) return now
    await sleep(50)
  }
}

/** The clients of one arena. */
class Host {
  readonly #arena: Arena
  readonly #history: History
  readonly #plan: readonly Step[]
  readonly #workers: readonly Worker[]
  readonly #company: Company

  constructor(arena: Arena, history: History, chosen: readonly Kind[], { seed, faults }: ChaosOptions) {
    this.#arena = arena
    this.#history = history
    this.#plan = planOf(seed).filter(({ fault }) => faults?.includes(fault) ?? true)
    const cutting = new Set<string>()
    this.#workers = chosen
      .filter(({ engine }) => engine === arena.engine.name)
      .map((kind, index) => {
        const cuts = kind.secretive === true || (seed + index) % 2 === 0
        if (cuts) cutting.add(kind.name)
        const options = optionsOf(arena, kind, cuts)
        const client = kind.open({ account: () => arena.account, max: MAX, options })
        history.standing.set(kind.name, () => client.$flusher.stats())
        client.$flusher.on('failed', ({ reason, step, error }) => {
          const why = error instanceof Error ? error.message : String(error)
          history.failures.push({ at: performance.now(), what: `${kind.name}: ${reason}: ${step}: ${why}` })
        })
        return new Worker(kind.name, client, arena, history)
      })
    this.#company = { all: new Set(this.#workers.map(({ name }) => name)), cutting, patienceMs }
  }

  get heard(): ReadonlyMap<string, number> {
    return new Map(this.#workers.flatMap(({ heard }) => [...heard]))
  }

  get expected(): [string, readonly string[]][] {
    return this.#workers.map(({ name, works }) => [name, works])
  }

  /** Every piece of work once. */
  async all(): Promise<void> {
    await Promise.all(this.#workers.flatMap((worker) => worker.works.map((work) => worker.begin(work))))
  }

  /** Goes on with the plan for so long, while everybody works. */
  async siege(ms: number): Promise<void> {
    const over = new AbortController()
    await Promise.all(this.#workers.map((worker) => worker.listen()))
    const working = keepWorking(this.#workers, RATE, over.signal)
    try {
      const end = performance.now() + ms
      for (const step of this.#plan) {
        if (performance.now() > end) break
        await besiege(step, this.#arena, this.#history, this.#company)
      }
    } finally {
      over.abort()
      await working
    }
    this.#arena.happened('the siege is over')
    await this.#history.settled(this.#company.all, patienceMs(0))
  }

  /** The clients whose listeners hear nothing of what is notified now. */
  async deaf(): Promise<string[]> {
    const listening = this.#workers.filter(({ client }) => client.listen !== undefined)
    const deaf = await Promise.all(
      listening.map(async (worker) => {
        const end = performance.now() + patienceMs(0)
        while (performance.now() < end) {
          const id = await worker.begin('notify')
          await sleep(200)
          if (worker.heard.has(id)) return []
        }
        return [worker.name]
      }),
    )
    return deaf.flat()
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ client }) => client.$flusher.close({ deadlineMs: DEADLINE_MS })))
  }
}
