import type { Backend } from '@periodic-flush/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Pair, Server, StandbyPair } from './dialect.ts'
import { eagerNote } from './matrix.ts'
import { PeakWatch } from './peak-watch.ts'
import type { Client, Opening, Subject } from './subject.ts'
import { subjects } from './subjects.ts'

/**
 * What a behaviour is given for one client: a server of its file, and clients that are closed after each test.
 *
 * Whatever else a test says: as long as it runs, no server may have more connections than the clients' limits + 1 each;
 * than twice that limit, and what outlived its deadline and was kept, where a client opens its whole pool at once.
 */
export class Stage {
  readonly subject: Subject
  readonly #clients: Client[] = []
  readonly #watches: PeakWatch[] = []
  readonly #pairs: Pair[] = []
  /** How many connections the clients of this test may have. */
  #allowed = 0
  /** The most leases at once that a client that opens its whole pool at once had kept over their deadline. */
  #kept = 0
  #cut = false
  #server: Server | undefined

  constructor(subject: Subject) {
    this.subject = subject
    beforeAll(async () => {
      this.#server = await subject.dialect.start()
    })
    afterEach(() => this.#clear())
    afterAll(() => this.#server?.stop())
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('the server is started before the tests run')
    return this.#server
  }

  /** Registers a test, unless the client has a reason not to pass it. */
  test(name: string, body: () => Promise<void>): void {
    test(name, async ({ annotate, skip }) => {
      const { notApplicable, eager } = this.subject
      const reason = notApplicable?.[name]
      if (reason !== undefined) skip(reason)
      if (eager !== undefined) await annotate(eager, eagerNote)
      await body()
    })
  }

  /** A database of the test's own; `watched: false` where asking for its connections would disturb the test. */
  async database({ watched = true } = {}): Promise<{ url: string; database: string }> {
    const database = await this.server.createDatabase()
    if (watched) this.#watch(this.server, database)
    return { database, url: this.server.url({ database }) }
  }

  /** Two servers of the test's own, behind one name. */
  async pair(): Promise<Pair> {
    return this.#taken(await this.subject.dialect.startPair())
  }

  /** Two servers of the test's own, of which green takes no writes yet. */
  async standbyPair(): Promise<StandbyPair> {
    const { pair, promote } = await this.subject.dialect.startStandbyPair()
    return { pair: this.#taken(pair), promote }
  }

  /** Wraps a client; without more, it is flushed only when it is told to. */
  open({ url, max = 4, options = {} }: Partial<Opening> & Pick<Opening, 'url'>): Client {
    return this.#opened(this.subject.open({ url, max, options: { intervalMs: false, ...options } }), max)
  }

  /** For `nameMoved`: what to watch where the client does not tell. */
  endpoints(url: string): { endpoints?: { host: string }[] } {
    return this.subject.eager === undefined ? {} : { endpoints: [{ host: new URL(url).hostname }] }
  }

  /** How many connections a client has that has just asked one thing. */
  resting(max: number): number {
    return this.subject.eager === undefined ? 1 : max
  }

  /** Wraps a factory that returns the same client each time. */
  openSame(url: string): Client {
    return this.#opened(this.subject.openSame(url), 10)
  }

  /** The client without us, with one connection. */
  bare(url: string): ReturnType<Subject['bare']> {
    this.#allowed += 1
    return this.subject.bare(url, 1)
  }

  #taken(pair: Pair): Pair {
    this.#pairs.push(pair)
    for (const server of [pair.blue, pair.green]) this.#watch(server)
    return pair
  }

  #opened(client: Client, max: number): Client {
    const { eager } = this.subject
    this.#allowed += eager === undefined ? max + 1 : 2 * max
    this.#clients.push(client)
    client.$flusher.on('swap', ({ leases }) => {
      const retiring = client.$flusher.stats().retiring.reduce((sum, generation) => sum + generation.leases, 0)
      if (eager !== undefined) this.#kept = Math.max(this.#kept, retiring - leases)
    })
    client.$flusher.on('cut', () => {
      this.#cut = true
    })
    return client
  }

  #watch(server: Server, database?: string): void {
    // A backend goes on executing a statement that was cut: that one is the server's.
    const apart = ({ query, state }: Backend): boolean =>
      this.#cut && state === 'active' && query.includes(this.subject.dialect.sleep)
    this.#watches.push(new PeakWatch(server, database, apart))
  }

  async #clear(): Promise<void> {
    await Promise.all(this.#pairs.flatMap(({ blue, green }) => [blue.thaw(), green.thaw()]))
    await Promise.all(this.#clients.splice(0).map((client) => client.$flusher.close({ deadlineMs: 0 })))
    const peaks = await Promise.all(this.#watches.splice(0).map((watch) => watch.stop()))
    await Promise.all(this.#pairs.splice(0).map((pair) => pair.stop()))
    const allowed = this.#allowed + this.#kept
    this.#allowed = 0
    this.#kept = 0
    this.#cut = false
    expect(Math.max(0, ...peaks), 'the most connections that a server had at once').toBeLessThanOrEqual(allowed)
  }
}

/** Registers a behaviour for every client, on one real server for the file. */
export function behaviour(name: string, tests: (stage: Stage) => void): void {
  for (const subject of subjects) {
    describe.runIf(subject.dialect.installed)(`${subject.name}: ${name}`, () => tests(new Stage(subject)))
  }
}

/** The messages of an error and of its causes: an ORM wraps what its driver reports. */
export function chain(error: unknown): string {
  return error instanceof Error ? `${error.message}; ${chain(error.cause)}` : String(error)
}
