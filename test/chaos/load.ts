import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLoop } from '../bench/open-loop.ts'
import type { Arena } from './arena.ts'
import { appended, type Client } from './client.ts'
import type { History } from './history.ts'
import { outcomeOf, told } from './outcome.ts'

/** How many rows a stream appends, and reads. */
const STREAMED = 20
/** Who has so many pieces of work unfinished begins no more: a backlog would go on to hang when nothing does any more. */
const UNFINISHED = 15
/** How long a transaction does nothing between its two statements. */
const PAUSE_MS = 30

const CHANNEL = 'chaos'

type Work = 'query' | 'prepared' | 'transaction' | 'stream' | 'overflow' | 'notify'

/** The steady work of one client, each piece of which is kept in the history. */
export class Worker {
  readonly name: string
  readonly client: Client
  readonly heard = new Map<string, number>()
  readonly #arena: Arena
  readonly #history: History
  #begun = 0
  #unfinished = 0

  constructor(name: string, client: Client, arena: Arena, history: History) {
    this.name = name
    this.client = client
    this.#arena = arena
    this.#history = history
  }

  /** What it does in turn. */
  get works(): readonly Work[] {
    const { stream, listen } = this.client
    const always = ['query', 'prepared', 'transaction'] as const
    return [...always, ...(stream === undefined ? [] : ['stream' as const]), ...(listen ? ['notify' as const] : [])]
  }

  async listen(): Promise<void> {
    await this.client.listen?.(CHANNEL, (id) => {
      this.heard.set(id, (this.heard.get(id) ?? 0) + 1)
    })
  }

  /** Begins the next piece of work, unless too many wait already. */
  work(): void {
    if (this.#unfinished >= UNFINISHED) return
    const { works } = this
    const turn = this.#begun++
    const work = this.#arena.full && turn % 2 === 0 ? 'overflow' : works[turn % works.length]
    if (work !== undefined) void this.begin(work)
  }

  /** Does one piece of work; resolves with its id once it is settled, in whichever way. */
  async begin(work: Work): Promise<string> {
    const parts = { query: 1, prepared: 1, transaction: 2, stream: STREAMED, overflow: 1, notify: 0 }[work]
    const id = randomUUID()
    const statement = this.#history.begin(id, this.name, work, parts)
    this.#unfinished++
    try {
      await this.#run(work, id)
      this.#history.settle(statement, 'acknowledged')
    } catch (error) {
      this.#history.settle(statement, outcomeOf(error), told(error))
    }
    this.#unfinished--
    return id
  }

  async #run(work: Work, id: string): Promise<void> {
    const { client } = this
    const { engine } = this.#arena
    if (work === 'query') await client.run(appended(id))
    else if (work === 'prepared') await client.prepared(id)
    else if (work === 'notify') await client.run(`select pg_notify('${CHANNEL}', '${id}')`)
    else if (work === 'stream') {
      for await (const _ of client.stream?.(engine.appendMany(id, STREAMED)) ?? []);
    } else {
      await client.transaction(async (run) => {
        await run(appended(id, 1))
        await sleep(PAUSE_MS)
        await run(work === 'overflow' ? engine.overflow : appended(id, 2))
      })
    }
  }
}

/** Keeps all workers at work, so many pieces a second each, until it is told to stop. */
export async function keepWorking(workers: readonly Worker[], rate: number, over: AbortSignal): Promise<void> {
  let next = 0
  while (!over.aborted) {
    await openLoop({ rate: rate * workers.length, ms: 1_000 }, () => workers[next++ % workers.length]?.work())
  }
}
