import { deferred } from '../../src/deferred.ts'
import type { Driver } from '../../src/driver.ts'
import type { Outcome, Traits } from './traits.ts'

/** A client as a pool is one: its connections grow with what is leased, and close when they are told to. */
export interface Pool {
  readonly id: number
  /** Where it connects to: what the name said when it was opened. */
  readonly server: string
  /** When it was opened. */
  readonly openedAt: number
  /** When it began to close. */
  closingSince: number
  /** Leases on its own connections, as the callers count them. */
  busy: number
  /** Leases of any kind. */
  leases: number
  connections: number
  checked: boolean
  /** What it said when it was asked whether it takes writes. */
  writable: boolean | undefined
  /** `fresh` until it first serves. */
  state: 'fresh' | 'serving' | 'retiring' | 'closing' | 'gone'
  /** Hears of its cut. */
  readonly cut: AbortController
}

/** What the driver tells the one who keeps the books. */
export interface Books {
  readonly server: string
  takesWrites(server: string): boolean
  now(): number
  /** A promise that resolves when the scheduler picks it. */
  later(what: string): Promise<void>
  opening(pool: Pool, signal: AbortSignal): void
  grown(pool: Pool): void
  /** A connection was to be closed to make room: whether one was. */
  shrunk(pool: Pool, done: boolean): void
  closing(pool: Pool): void
  cutting(pool: Pool): void
  broken(promise: string): void
}

/** Opens, checks and closes pools that exist on paper, each step with the outcome that comes next. */
export class Pools implements Driver<Pool> {
  readonly name = 'model'
  readonly pipelines: boolean
  readonly all: Pool[] = []
  /** From now on each step succeeds at once. */
  calm = false
  /** How often the adapter was told that the flusher closes. */
  disposals = 0
  /** Steps that hear of nothing: let go by hand. */
  readonly late: (() => void)[] = []
  warm?: NonNullable<Driver<Pool>['warm']>
  shrink?: NonNullable<Driver<Pool>['shrink']>
  retire?: NonNullable<Driver<Pool>['retire']>
  connections?: NonNullable<Driver<Pool>['connections']>
  peers?: NonNullable<Driver<Pool>['peers']>
  readonly #traits: Traits
  readonly #books: Books
  #steps = 0

  constructor(traits: Traits, books: Books) {
    this.#traits = traits
    this.#books = books
    this.pipelines = traits.pipelines
    const tells = traits.tellsConnections
    if (traits.warms) this.warm = (pool, count, signal) => this.#warm(pool, count, signal)
    if (traits.shrinks !== 'never' && tells) this.shrink = (pool, count) => this.#shrink(pool, count)
    if (traits.retires) this.retire = (pool) => this.#retire(pool)
    if (tells) this.connections = ({ connections }) => connections
    if (traits.tellsPeers) this.peers = ({ connections, server }) => (connections === 0 ? [] : [server])
  }

  open(signal: AbortSignal): Pool | Promise<Pool> {
    const first = this.all.length === 0
    const pool: Pool = {
      id: this.all.length + 1,
      server: this.#books.server,
      openedAt: this.#books.now(),
      closingSince: Number.POSITIVE_INFINITY,
      busy: 0,
      leases: 0,
      connections: 0,
      checked: false,
      writable: undefined,
      state: 'fresh',
      cut: new AbortController(),
    }
    this.all.push(pool)
    this.#books.opening(pool, signal)
    if (first && this.#traits.opensAtOnce) return pool
    return this.#step(`open ${pool.id}`, [signal]).then(
      () => pool,
      (error: unknown) => {
        pool.state = 'gone'
        throw error
      },
    )
  }

  async check(pool: Pool, signal: AbortSignal): Promise<void> {
    this.#alive('check', pool)
    this.#connect(pool, 1)
    await this.#step(`check ${pool.id}`, [signal, pool.cut.signal])
    pool.checked = true
  }

  async writable(pool: Pool, signal: AbortSignal): Promise<boolean> {
    this.#alive('writable', pool)
    await this.#step(`writable ${pool.id}`, [signal, pool.cut.signal])
    pool.writable = this.#books.takesWrites(pool.server)
    return pool.writable
  }

  async dispose(): Promise<void> {
    this.disposals++
    const { outcomes } = this.#traits
    // It must not wait for a server, but it may fail.
    if (!this.calm && outcomes[this.#steps++ % outcomes.length]?.startsWith('fails')) throw new Error('dispose failed')
  }

  limit(): number {
    return this.#traits.limit
  }

  eager(): boolean {
    return this.#traits.eager
  }

  async close(pool: Pool): Promise<void> {
    this.#alive('close', pool)
    if (pool.leases > 0) this.#books.broken(`2: pool ${pool.id} closes with ${pool.leases} leases out`)
    pool.state = 'closing'
    pool.closingSince = this.#books.now()
    this.#books.closing(pool)
    try {
      await this.#step(`close ${pool.id}`, [pool.cut.signal])
    } finally {
      this.#gone(pool)
    }
  }

  cut(pool: Pool): void {
    if (pool.state === 'gone') this.#books.broken(`contract: cut of pool ${pool.id}, which is gone`)
    this.#books.cutting(pool)
    if (pool.leases > 0) this.#books.broken(`2: pool ${pool.id} is cut with ${pool.leases} leases that nobody told`)
    this.#gone(pool)
    pool.cut.abort(new Error('cut'))
  }

  /** A lease on it has begun. */
  occupy(pool: Pool): void {
    this.#connect(pool, Math.min(this.#traits.limit, pool.busy))
  }

  async #warm(pool: Pool, count: number, signal: AbortSignal): Promise<void> {
    this.#alive('warm', pool)
    this.#connect(pool, count)
    await this.#step(`warm ${pool.id}`, [signal, pool.cut.signal])
  }

  async #shrink(pool: Pool, count: number): Promise<void> {
    this.#alive('shrink', pool)
    const before = pool.connections
    try {
      await this.#step(`shrink ${pool.id}`, [pool.cut.signal])
      const idle = pool.connections - this.#busyConnections(pool)
      if (this.#traits.shrinks === 'well') pool.connections -= Math.min(count, Math.max(0, idle))
    } finally {
      this.#books.shrunk(pool, pool.connections < before)
    }
  }

  async #retire(pool: Pool): Promise<void> {
    this.#alive('retire', pool)
    if (pool.state !== 'retiring') this.#books.broken(`3: pool ${pool.id} is retired while it is ${pool.state}`)
    await this.#step(`retire ${pool.id}`, [pool.cut.signal])
    if (pool.state !== 'gone') pool.connections = this.#busyConnections(pool)
  }

  #busyConnections({ busy }: Pool): number {
    return Math.min(this.#traits.limit, busy)
  }

  #connect(pool: Pool, connections: number): void {
    if (connections <= pool.connections) return
    pool.connections = connections
    this.#books.grown(pool)
  }

  #alive(call: string, { id, state }: Pool): void {
    if (state === 'closing' || state === 'gone')
      this.#books.broken(`contract: ${call} of pool ${id}, which is ${state}`)
  }

  #gone(pool: Pool): void {
    pool.state = 'gone'
    pool.connections = 0
  }

  async #step(what: string, ends: readonly AbortSignal[]): Promise<void> {
    const { outcomes } = this.#traits
    const outcome: Outcome = this.calm ? 'now' : (outcomes[this.#steps++ % outcomes.length] ?? 'now')
    if (outcome === 'later' || outcome === 'fails later') await this.#books.later(what)
    if (outcome === 'fails' || outcome === 'fails later') throw new Error(`${what} failed`)
    if (outcome !== 'hangs' && outcome !== 'arrives late') return
    const end = deferred<void>()
    this.late.push(end.resolve)
    const abort = (): void => end.reject(new Error(`${what} was aborted`))
    const heard = outcome === 'hangs' ? ends : []
    if (heard.some(({ aborted }) => aborted)) abort()
    for (const signal of heard) signal.addEventListener('abort', abort)
    try {
      await end.promise
    } finally {
      for (const signal of heard) signal.removeEventListener('abort', abort)
    }
  }
}
