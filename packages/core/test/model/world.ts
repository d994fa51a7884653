import { tracingChannel } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import type { Scheduler } from 'fast-check'
import type { PeriodicFlushError } from '../../src/errors.ts'
import type { FlusherEvents, FlushTrace } from '../../src/events.ts'
import type { FlushReport } from '../../src/flush-report.ts'
import { createFlusher, type Flusher } from '../../src/flusher.ts'
import type { Lease, LeaseKind } from '../../src/generation.ts'
import type { FlushOptions } from '../../src/options.ts'
import type { Trigger, TriggerRequest, Watched } from '../../src/trigger.ts'
import { ManualClock, settled } from '../manual-clock.ts'
import { type Books, type Pool, Pools } from './pool.ts'
import { Retired } from './retired.ts'
import type { Traits } from './traits.ts'

/** How a caller asks for a lease. */
export interface Wish {
  readonly kind: LeaseKind
  readonly timeoutMs?: number | undefined
  /** Takes its work back once, when its generation retires before it was sent. */
  readonly recalls: boolean
  /** Asks once more as soon as it failed: within the call that fails it, or right after. */
  readonly retries: 'never' | 'at once' | 'after'
}

interface Caller {
  readonly wish: Wish
  readonly abort: AbortController
  state: 'waiting' | 'running' | 'over'
  lease: Lease<Pool> | undefined
  recalled: boolean
  retried: boolean
}

/** A broken promise of DESIGN.md, by its number. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

const flushes = tracingChannel<string, FlushTrace>('periodic-flush:flush')
let worlds = 0

const FLUSH_ERRORS = ['OPEN_FAILED', 'CHECK_FAILED', 'TIMEOUT', 'READ_ONLY', 'CLOSED']

/**
 * A flusher, everybody who uses it, and the books in which each promise can be read.
 *
 * Whatever core does is written down as it happens; a broken promise is kept until the next `verify`, since core may
 * swallow what is thrown at it.
 */
export class World implements Books {
  server = '10.0.0.1:5432'
  readonly clock = new ManualClock()
  readonly flusher: Flusher<Pool>
  readonly #traits: Traits
  readonly #scheduler: Scheduler
  readonly #pools: Pools
  readonly #callers: Caller[] = []
  readonly #generations = new Map<number, Pool>()
  readonly #retired = new Map<Pool, Retired>()
  readonly #broken: string[] = []
  /** What somebody waits for: flushes, holds, the close. */
  readonly #pending = new Set<string>()
  readonly #opening = new Map<Pool, AbortSignal>()
  /** Pools whose flush waited for room as long as it may: only the fresh client can tell whether it reaches another server. */
  readonly #pressing = new Set<Pool>()
  /** Pools that were opened while the one that served was connected elsewhere: nobody could know who is there already. */
  readonly #blind = new Set<Pool>()
  /** Pools that were opened though the one before could not give a connection up: one more than promised. */
  readonly #overdrawn = new Set<Pool>()
  /** A pool that was to close an idle connection and did not, and whether it has had one since. */
  #unshrunk: { readonly pool: Pool; idle: boolean } | undefined
  /** Servers that take no writes. */
  readonly #readOnly = new Set<string>()
  /** How many pools were opened when a trigger asked last: a later one must serve in the end. */
  #wanted: number | undefined
  readonly #began = (message: unknown): void => {
    if ((message as FlushTrace).name === this.flusher.name) this.#flushBegan = this.now()
  }
  #flushBegan = 0
  /** Whether the client that serves was in use when the fresh one was opened. */
  #neededAtOpening = false
  /** A flush that somebody waited for goes on, for as long as its steps may take, when that one has given up or was served. */
  #waitedUntil = 0
  #serving: Pool | undefined
  #watched: Watched | undefined
  #asked = 0
  #closedAt: number | undefined
  #closeBy = 0

  constructor(traits: Traits, scheduler: Scheduler) {
    this.#traits = traits
    this.#scheduler = scheduler
    this.#pools = new Pools(traits, this)
    const trigger: Trigger = {
      name: 'model',
      start: (watched) => {
        if (this.#watched !== undefined) this.broken('8: a trigger is started twice')
        this.#watched = watched
        return () => (this.#watched = undefined)
      },
    }
    const {
      overlap,
      intervalMs,
      maxAgeMs,
      deadlineMs,
      onDeadline,
      checkTimeoutMs,
      minGapMs,
      checks,
      requires,
      chance,
    } = traits
    this.flusher = createFlusher(
      this.#pools,
      {
        ...{ overlap, intervalMs, maxAgeMs, deadlineMs, onDeadline, checkTimeoutMs, minGapMs },
        check: checks,
        require: requires,
        triggers: [trigger],
        name: `model ${++worlds}`,
      },
      { clock: this.clock, random: () => chance },
    )
    this.flusher.on('swap', (swap) => this.#swapped(swap))
    flushes.start.subscribe(this.#began)
  }

  [Symbol.dispose](): void {
    flushes.start.unsubscribe(this.#began)
  }

  // What the callers do.

  acquire(wish: Wish): void {
    const caller: Caller = {
      wish,
      abort: new AbortController(),
      state: 'waiting',
      lease: undefined,
      recalled: false,
      retried: false,
    }
    this.#callers.push(caller)
    this.#ask(caller)
  }

  /** Ends the use of one that runs. */
  release(which: number): void {
    const caller = this.#nth('running', which)
    if (caller !== undefined) this.#end(caller)
  }

  /** One that waits gives up. */
  giveUp(which: number): void {
    this.#nth('waiting', which)?.abort.abort(new Error('gave up'))
  }

  flush(options: FlushOptions): void {
    const { deadlineMs = this.#traits.deadlineMs, onDeadline = this.#traits.onDeadline, lazy = false } = options
    const reason = `${deadlineMs}/${onDeadline}${lazy ? '/lazy' : ''}`
    const opened = this.#pools.all.length
    this.#await('flush', this.flusher.flush({ ...options, reason }), (report) => {
      if (!lazy) this.#isFresh(report, opened)
      if (options.wait === 'drained') this.#isAsReported(report)
    })
  }

  hold(timeoutMs: number): void {
    const opened = this.#pools.all.length
    this.#await('hold', this.flusher.hold({ timeoutMs }), (report) => this.#isFresh(report, opened))
  }

  distrust(): void {
    const pool = this.flusher.current()
    this.flusher.distrust('distrusted')
    this.#isNotServedBy(pool)
  }

  ask(request: Omit<TriggerRequest, 'reason'>): void {
    const reason = request.abandoned ? 'abandoned' : request.gone === undefined ? 'trigger' : `gone ${request.gone}`
    if (this.#watched === undefined) return
    // Within one instant nobody tells which came first.
    this.#wanted = this.#pools.all.filter(({ openedAt }) => openedAt < this.now()).length
    this.#watched.flush({ ...request, reason })
  }

  /** What the triggers have asked for is forgotten. */
  pause(): void {
    this.#wanted = undefined
    this.flusher.pause()
  }

  demote(server: string): void {
    this.#readOnly.add(server)
  }

  promote(server: string): void {
    this.#readOnly.delete(server)
  }

  /** The process is suspended: longer than the interval, and nobody is handed a socket that may be dead. */
  sleep(ms: number): void {
    const { intervalMs } = this.#traits
    const pool = this.flusher.current()
    const armed = this.#watched !== undefined && intervalMs !== false && ms > 2 * intervalMs + 1_000
    this.clock.sleep(ms)
    this.#waitedUntil += ms
    if (armed) this.#isNotServedBy(pool)
  }

  close(deadlineMs: number): void {
    this.#noticeFirst()
    if (this.#closedAt === undefined) {
      this.#closedAt = this.now()
      this.#closeBy = this.#closedAt + deadlineMs
    }
    const closed = this.flusher.close({ deadlineMs })
    if (closed !== this.flusher.close()) this.broken('8: close() gives another promise the second time')
    this.#await('close', closed, () => {})
  }

  /** Moves the time on: a timer fires only when nothing else is to be done. */
  async advance(ms: number): Promise<void> {
    await settled()
    await this.clock.advance(ms)
    for (const { id, state, closingSince } of this.#pools.all) {
      if (state === 'closing' && this.now() > closingSince + this.#traits.checkTimeoutMs + 1e-6) {
        this.broken(`8: pool ${id} takes for ever to close`)
      }
    }
  }

  /** Lets one step go on that the scheduler picks. */
  async step(): Promise<void> {
    if (this.#scheduler.count() > 0) await this.#scheduler.waitOne()
  }

  /** A step that heard of nothing comes to its end. */
  arrive(): void {
    this.#pools.late.shift()?.()
  }

  // What the driver tells.

  now(): number {
    return this.clock.now()
  }

  takesWrites(server: string): boolean {
    return !this.#readOnly.has(server)
  }

  async later(what: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), what)
  }

  opening(pool: Pool, signal: AbortSignal): void {
    this.#noticeFirst()
    if (signal.aborted) this.broken('8: a client is opened after close()')
    for (const [other, over] of this.#opening) {
      if (other.state === 'fresh' && !over.aborted) this.broken(`7: pools ${other.id} and ${pool.id} open at once`)
    }
    this.#opening.set(pool, signal)
    this.#connects(pool)
    this.#neededAtOpening = (this.#serving?.leases ?? 0) > 0
    // A sum of times may fall short of itself by a rounding error.
    if (this.now() - this.#flushBegan > this.#traits.checkTimeoutMs - 1e-6) this.#pressing.add(pool)
    const serving = this.#serving
    const elsewhere = serving !== undefined && serving.connections > 0 && serving.server !== pool.server
    if (this.#traits.tellsPeers && elsewhere) this.#blind.add(pool)
    if (this.#draining() >= 2) this.broken(`7: pool ${pool.id} opens while two drain already`)
  }

  grown(pool: Pool): void {
    // One that was opened for nobody is given room only before its check.
    if (pool.state === 'fresh' && pool.connections === 1) this.#connects(pool)
    const { limit, overlap, tellsPeers, pipelines } = this.#traits
    const sharing = this.#pools.all.filter(({ server }) => !tellsPeers || server === pool.server)
    const total = sharing.reduce((sum, { connections }) => sum + connections, 0)
    const isPressing = (each: Pool): boolean => each.state === 'fresh' && this.#pressing.has(each)
    const isBlind = (each: Pool): boolean => this.#blind.has(each) && (each.state === 'fresh' || isPressing(pool))
    const checking = sharing.filter((each) => each.connections === 1 && (isPressing(each) || isBlind(each)))
    const overdrawn = sharing.filter((each) => this.#overdrawn.has(each) && each.state !== 'gone')
    if (total - new Set([...checking, ...overdrawn]).size <= limit + overlap) return
    const each = sharing.filter(({ connections }) => connections > 0)
    const held = each.map(({ id, connections, state }) => `pool ${id} (${state}) ${connections}`).join(', ')
    this.broken(`6: ${total} connections where ${limit} + ${overlap} may be${pipelines ? ' (pipelines)' : ''}: ${held}`)
  }

  shrunk(pool: Pool, done: boolean): void {
    this.#unshrunk = done ? undefined : { pool, idle: false }
    this.#lookAtUnshrunk()
  }

  closing(pool: Pool): void {
    if (pool === this.#serving && this.#closedAt === undefined) this.broken(`2: pool ${pool.id} closes while it serves`)
  }

  cutting(pool: Pool): void {
    if (pool.state === 'serving' && !this.#closing) this.broken(`1: pool ${pool.id} is cut while it serves`)
  }

  broken(promise: string): void {
    this.#broken.push(promise)
  }

  // What must be so.

  /** Throws for the first promise that has been broken. */
  verify(): void {
    this.#noticeFirst()
    const { generation, retiring, waiting, leases } = this.flusher.stats()
    if (!this.#closing && this.flusher.current() !== this.#serving) this.broken('3: the client changed without a swap')
    if (this.#draining() > 2) this.broken('7: more than two generations drain')
    const counted = this.#callers.filter(({ state, lease }) => state === 'running' && lease?.client === this.#serving)
    if (generation !== undefined && counted.length !== leases) {
      this.broken(`2: ${leases} leases are counted, ${counted.length} are out`)
    }
    if (waiting > 0 && this.#closedAt !== undefined && this.now() > this.#closedAt) {
      this.broken('8: somebody waits after close()')
    }
    if (!this.#closing && retiring.length > this.#retired.size)
      this.broken('2: more generations retire than were replaced')
    if (this.#anybodyWaits) this.#waited()
    if (this.clock.held > 0 && this.#pending.size === 0 && !this.#anybodyWaits && this.now() > this.#waitedUntil) {
      this.broken('8: a timer keeps the process alive though nobody waits')
    }
    const [first] = this.#broken
    if (first !== undefined) throw new Broken(first)
  }

  /** Lets all end well, and sees that everybody was served, nothing is left, and nothing grew. */
  async end(): Promise<void> {
    await settled()
    this.verify()
    if (this.#closedAt !== undefined) await this.#closesInTime()
    this.#pools.calm = true
    this.#readOnly.clear()
    this.flusher.resume()
    await this.#calm()
    const stuck = this.#callers.filter(({ state }) => state === 'waiting').length
    if (stuck > 0) this.broken(`4: ${stuck} callers are never served`)
    if (this.#pending.size > 0) this.broken(`7: never settles: ${[...this.#pending].join(', ')}`)
    this.verify()
    if (this.#closedAt === undefined) await this.#triggersAreHeard()
    if (this.#closedAt === undefined) await this.#servesStill()
    this.close(0)
    await this.#calm()
    this.#nothingIsLeft()
    await this.#refuses()
    this.verify()
  }

  async #closesInTime(): Promise<void> {
    const { checkTimeoutMs } = this.#traits
    await this.advance(Math.max(0, this.#closeBy - this.now()) + checkTimeoutMs)
    const closing = [...this.#pending].filter((what) => what.startsWith('close'))
    if (closing.length > 0) this.broken('8: close() does not come to its end in time')
    this.verify()
  }

  /** What a trigger has asked for is done, however often it failed before: longer than a retry ever waits, nobody waits. */
  async #triggersAreHeard(): Promise<void> {
    const wanted = this.#wanted ?? 0
    for (let ms = 0; (this.#serving?.id ?? 0) <= wanted && ms < 31_000 && this.#wanted !== undefined; ms += 500) {
      await this.advance(500)
    }
    if (this.#wanted !== undefined && (this.#serving?.id ?? 0) <= wanted) {
      this.broken(`7: pool ${this.#serving?.id} serves, of ${wanted} that were opened when a trigger asked`)
    }
    this.verify()
  }

  async #servesStill(): Promise<void> {
    this.acquire({ kind: 'query', recalls: false, retries: 'never' })
    await this.#calm()
    if (this.flusher.current() === undefined) this.broken('1: nothing serves though all is well')
    this.flush({ wait: 'drained' })
    await this.#calm()
    const { retiring, failures, flushes } = this.flusher.stats()
    if (retiring.length > 0) this.broken('11: a retired generation stays though it has no lease')
    const open = this.#pools.all.filter(({ state }) => state !== 'gone')
    if (open.length !== 1) this.broken(`11: ${open.length} clients are open after ${flushes}+${failures} flushes`)
    if (this.clock.timers > 1) this.broken(`11: ${this.clock.timers} timers are set where the interval alone may be`)
    const [first] = this.#opening.values()
    if (first !== undefined && getEventListeners(first, 'abort').length > 0) this.broken('11: listeners are left')
    this.verify()
  }

  /** Releases, lets go and moves the time on until nothing is under way. */
  async #calm(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      while (this.#scheduler.count() > 0) await this.#scheduler.waitOne()
      while (this.#pools.late.length > 0) this.arrive()
      await settled()
      while (this.#nth('running', 0) !== undefined) this.release(0)
      await settled()
      const quiet = this.#scheduler.count() === 0 && this.#pending.size === 0 && this.#nth('waiting', 0) === undefined
      if (quiet && this.flusher.stats().retiring.length === 0) return
      await this.advance(150)
    }
  }

  #nothingIsLeft(): void {
    for (const { id, state, connections } of this.#pools.all) {
      if (state !== 'gone' || connections > 0) this.broken(`8: pool ${id} is ${state} after close()`)
    }
    if (this.clock.timers > 0) this.broken(`8: ${this.clock.timers} timers are set after close()`)
    if (this.#watched !== undefined) this.broken('8: a trigger watches after close()')
    if (this.#pools.disposals !== 1) this.broken(`8: the adapter is disposed of ${this.#pools.disposals} times`)
    const { waiting, retiring, state } = this.flusher.stats()
    if (waiting > 0 || retiring.length > 0 || state !== 'closed') this.broken('8: not closed after close()')
    for (const { abort } of this.#callers) {
      if (getEventListeners(abort.signal, 'abort').length > 0) this.broken('8: a caller’s signal is listened to still')
    }
  }

  /** Whatever is asked after close() fails with CLOSED. */
  async #refuses(): Promise<void> {
    const code = (error: unknown) => (error as PeriodicFlushError).code
    const holder = { kind: 'query', cut: () => {} } as const
    const codes = await Promise.all([
      this.flusher.acquire(holder).catch(code),
      this.flusher.flush().catch(code),
      this.flusher.hold().catch(code),
      this.flusher.run('query', async () => {}).catch(code),
    ])
    if (codes.some((each) => each !== 'CLOSED')) this.broken(`8: after close(): ${codes}`)
  }

  // How the books are kept.

  #ask(caller: Caller): void {
    const { kind, timeoutMs } = caller.wish
    this.flusher.acquireFor(
      { kind, cut: (error) => this.#wasCut(caller, error), recall: () => this.#takesBack(caller) },
      { start: (lease) => this.#started(caller, lease), fail: (error) => this.#failed(caller, error) },
      { signal: caller.abort.signal, timeoutMs },
    )
  }

  #started(caller: Caller, lease: Lease<Pool>): void {
    this.#noticeFirst()
    this.#waited()
    const { client: pool } = lease
    if (caller.state !== 'waiting') this.broken(`1: a caller that is ${caller.state} is served`)
    if (pool !== this.#serving) this.broken(`1: a lease on pool ${pool.id}, which does not serve`)
    if (pool.state !== 'serving') this.broken(`1: a lease on pool ${pool.id}, which is ${pool.state}`)
    caller.state = 'running'
    caller.lease = lease
    pool.leases++
    if (caller.wish.kind !== 'listener') pool.busy++
    const { limit, pipelines } = this.#traits
    if (!pipelines && pool.busy > limit) this.broken(`6: ${pool.busy} leases where ${limit} connections may be`)
    this.#pools.occupy(pool)
  }

  #failed(caller: Caller, error: unknown): void {
    this.#waited()
    if (caller.state !== 'waiting') this.broken(`1: a caller that is ${caller.state} fails`)
    caller.state = 'over'
    const { code, message } = error as PeriodicFlushError
    const timedOut = code === 'TIMEOUT' && caller.wish.timeoutMs !== undefined
    const expected = timedOut || caller.abort.signal.aborted || (code === 'CLOSED' && this.#closing)
    if (!expected && this.#serving !== undefined) this.broken(`1: a caller fails though a client serves: ${message}`)
    const { retries } = caller.wish
    if (retries === 'never' || caller.retried || expected) return
    caller.retried = true
    caller.state = 'waiting'
    if (retries === 'at once') this.#ask(caller)
    else queueMicrotask(() => this.#ask(caller))
  }

  #wasCut(caller: Caller, error: PeriodicFlushError): void {
    const pool = caller.lease?.client
    if (caller.state !== 'running' || pool === undefined) {
      this.broken(`1: a caller that is ${caller.state} is cut`)
      return
    }
    if (error.code !== 'CUT') this.broken(`1: cut with ${error.code}`)
    const atClose = this.#closing && this.now() >= this.#closeBy
    if (!atClose && !this.#retired.get(pool)?.mayCut(this.now())) {
      this.broken(`1: pool ${pool.id} is cut before its deadline, or though it was to be kept`)
    }
    this.#over(caller, pool)
  }

  #takesBack(caller: Caller): boolean {
    const pool = caller.lease?.client
    if (pool === undefined || !caller.wish.recalls || caller.recalled) return false
    if (pool.state !== 'retiring') this.broken(`4: work on pool ${pool.id}, which is ${pool.state}, is recalled`)
    this.#over(caller, pool)
    caller.recalled = true
    caller.state = 'waiting'
    queueMicrotask(() => this.#ask(caller))
    return true
  }

  #end(caller: Caller): void {
    const { lease } = caller
    if (lease === undefined) return
    if (lease.client.state === 'gone') this.broken(`2: pool ${lease.client.id} is gone, and somebody uses it still`)
    this.#over(caller, lease.client)
    lease.release()
    lease.release()
  }

  #waited(): void {
    const { checkTimeoutMs, limit } = this.#traits
    this.#waitedUntil = this.now() + checkTimeoutMs * (3 + limit)
  }

  #over(caller: Caller, pool: Pool): void {
    caller.state = 'over'
    caller.lease = undefined
    pool.leases--
    if (caller.wish.kind !== 'listener') pool.busy--
    this.#lookAtUnshrunk()
  }

  /** A fresh one is about to connect, or does. */
  #connects(pool: Pool): void {
    this.#lookAtUnshrunk()
    if (this.#unshrunk?.idle) this.#overdrawn.add(pool)
    this.#unshrunk = undefined
  }

  #lookAtUnshrunk(): void {
    const unshrunk = this.#unshrunk
    if (unshrunk === undefined) return
    const { busy, connections } = unshrunk.pool
    if (connections > Math.min(this.#traits.limit, busy)) unshrunk.idle = true
  }

  /** The first client serves without a swap. */
  #noticeFirst(): void {
    if (this.#serving !== undefined || this.#closedAt !== undefined || this.flusher === undefined) return
    const pool = this.flusher.current()
    if (pool === undefined) return
    this.#serving = pool
    pool.state = 'serving'
    this.#generations.set(1, pool)
  }

  #swapped({ generation, reason }: FlusherEvents['swap']): void {
    const fresh = this.flusher.current()
    const previous = this.#serving
    if (fresh === undefined) {
      this.broken('3: a swap without a client')
      return
    }
    const lazy = reason.split(', ').every((each) => each === 'interval' || each.endsWith('/lazy'))
    if (this.#traits.checks && !fresh.checked && !lazy) this.broken(`3: pool ${fresh.id} serves unchecked: ${reason}`)
    if (this.#traits.checks && fresh.checked && this.#traits.requires === 'writable' && !fresh.writable) {
      this.broken(`3: pool ${fresh.id} serves though it takes no writes`)
    }
    if (this.#traits.checks && !fresh.checked && this.#neededAtOpening)
      this.broken('3: an idle flush of a client in use')
    if (fresh.state !== 'fresh') this.broken(`3: pool ${fresh.id}, which is ${fresh.state}, serves again`)
    fresh.state = 'serving'
    this.#serving = fresh
    this.#generations.set(generation, fresh)
    if (previous === undefined) return
    previous.state = 'retiring'
    for (const retired of this.#retired.values()) retired.follows(fresh, reason, this.now(), this.#traits)
    this.#retired.set(previous, new Retired(previous, fresh, reason, this.now(), this.#traits))
  }

  /** A flush gives a client that was opened after it was asked for: the name may have moved before. */
  #isFresh({ generation }: FlushReport, opened: number): void {
    const pool = this.#generations.get(generation)
    if (pool === undefined || pool.id <= opened) {
      this.broken(`7: a flush gives pool ${pool?.id}, of which ${opened} were opened when it was asked for`)
    }
  }

  #isAsReported({ replaced, drained, cut }: FlushReport): void {
    const pool = replaced === undefined ? undefined : this.#generations.get(replaced)
    if (pool === undefined || this.#closing) return
    if (drained && pool.state !== 'gone') this.broken(`2: pool ${pool.id} is ${pool.state} though it has drained`)
    if (!drained && !this.#retired.get(pool)?.mayKeep(this.now())) {
      this.broken(`2: pool ${pool.id} is kept before its deadline, or though it was to be cut`)
    }
    if (!drained && cut > 0) this.broken('2: cut and kept at once')
  }

  /** Whoever comes now waits for a flush. */
  #isNotServedBy(pool: Pool | undefined): void {
    if (pool === undefined || this.flusher.closed || this.flusher.current() !== pool) return
    const lease = this.flusher.tryAcquire({ kind: 'query', cut: () => {} })
    if (lease === undefined) return
    lease.release()
    this.broken(`1: pool ${pool.id} is handed out though it is not trusted`)
  }

  #await<T>(what: string, promise: Promise<T>, then: (value: T) => void): void {
    const name = `${what} ${++this.#asked}`
    this.#pending.add(name)
    promise.then(
      (value) => {
        this.#pending.delete(name)
        then(value)
      },
      (error: PeriodicFlushError) => {
        this.#pending.delete(name)
        if (!FLUSH_ERRORS.includes(error.code)) this.broken(`3: ${what} fails with ${error}`)
        if (error.code === 'CLOSED' && !this.#closing) this.broken(`8: ${what} fails with CLOSED`)
      },
    )
  }

  /** Generations whose deadline has not come. */
  #draining(): number {
    const now = this.now()
    return [...this.#retired].filter(([{ state }, { deadline }]) => state !== 'gone' && now < deadline).length
  }

  get #closing(): boolean {
    return this.#closedAt !== undefined
  }

  get #anybodyWaits(): boolean {
    return this.#callers.some(({ state }) => state === 'waiting')
  }

  #nth(state: Caller['state'], which: number): Caller | undefined {
    const callers = this.#callers.filter((caller) => caller.state === state)
    return callers[which % callers.length]
  }
}
