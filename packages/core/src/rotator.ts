import { shareServer } from './address.ts'
import { Admission } from './admission.ts'
import type { Clock } from './clock.ts'
import type { Driver } from './driver.ts'
import { Due } from './due.ts'
import { closedError } from './errors.ts'
import { type Events, type FailedStep, type FlusherEvents, traceFlush } from './events.ts'
import { FirstOpening } from './first-opening.ts'
import { type FlushReport, reportAtSwap } from './flush-report.ts'
import { type FlushRequest, requestOf, verdictOf } from './flush-request.ts'
import { Generation, type Holder, type Lease } from './generation.ts'
import { Hold } from './hold.ts'
import { LateArrivals } from './late-arrivals.ts'
import type { ResolvedOptions } from './options.ts'
import { Partings } from './partings.ts'
import { Preparation } from './preparation.ts'
import type { Retirement } from './retirement.ts'
import { Retirements } from './retirements.ts'
import { Room } from './room.ts'
import { type Turn, Turns } from './turns.ts'
import { type AcquireOptions, type Caller, Waiters } from './waiters.ts'

/**
 * Replaces the client behind a facade: acquire, flush, close.
 *
 * - Every lease is on one generation that is not closed, from its acquire to its release.
 * - One flush at a time. Requests made before a flush has begun to open share it; later ones share the one that
 *   follows, since the name may have moved in between.
 * - A fresh client serves only once it was opened and checked. If that fails, the current one stays.
 */
export class Rotator<Client> {
  readonly #driver: Driver<Client>
  readonly #options: ResolvedOptions<Client>
  readonly #clock: Clock
  readonly #events: Events
  readonly #waiters: Waiters<Client>
  /** Every generation that may hold connections: at most one opening, one current, the rest retiring. */
  readonly #live = new Set<Generation<Client>>()
  readonly #retirements: Retirements<Client>
  readonly #admission: Admission<Client>
  readonly #room: Room<Client>
  readonly #first: FirstOpening<Client>
  readonly #preparation: Preparation<Client>
  readonly #late: LateArrivals<Client>
  readonly #partings: Partings<Client>
  readonly #turns: Turns
  readonly #hold: Hold<Client>
  readonly #due: Due<Client>
  readonly #closing = new AbortController()
  #current: Generation<Client> | undefined
  #opened = 0
  /** The fresh client that a flush is opening. */
  #preparing: Promise<Generation<Client>> | undefined
  #closed: Promise<void> | undefined
  flushes = 0
  failures = 0

  constructor(driver: Driver<Client>, options: ResolvedOptions<Client>, clock: Clock, events: Events) {
    this.#driver = driver
    this.#options = options
    this.#clock = clock
    this.#events = events
    this.#waiters = new Waiters(options.name, clock)
    this.#hold = new Hold(this.#live, options.name, clock)
    this.#due = new Due(options.maxAgeMs, clock, {
      flush: (reason) => this.flush(requestOf(options, { reason, hold: this.#waiters.size > 0 }), 'swapped'),
      postponed: () => this.#vacate(),
    })
    this.#admission = new Admission(this.#live, options.overlap, driver.pipelines === true)
    const failed = (reason: string, step: FailedStep, error: unknown): void => this.#failed(reason, step, error)
    this.#room = new Room(driver, this.#admission, { vacated: () => this.#vacate(), failed })
    this.#preparation = new Preparation(driver, options, clock, this.#closing.signal, this.#admission, this.#room, {
      live: this.#live,
      opened: (client, since) => this.#generation(client, since),
      discarded: (generation) => this.#discard(generation),
      failed,
      arrivedLate: (client) => this.#arrivedLate(client),
    })
    this.#first = new FirstOpening(driver, options, clock, this.#closing.signal, {
      opened: (client, since) => {
        if (this.closed) return this.#arrivedLate(client)
        this.#serveFirst(client, since)
        this.#vacate()
      },
      failed: (error) => this.#waiters.failAll(error),
    })
    this.#retirements = new Retirements(driver, options, clock, events, {
      vacated: () => this.#vacate(),
      gone: (generation) => {
        this.#live.delete(generation)
        this.#vacate()
      },
    })
    this.#partings = new Partings(driver, options.checkTimeoutMs, clock, () => this.#vacate())
    this.#turns = new Turns(clock, (turn, swapped) =>
      traceFlush({ name: options.name, reason: turn.request.reason }, () => this.#flush(turn, swapped)),
    )
    this.#late = new LateArrivals(driver, options.checkTimeoutMs, clock, (error) => failed('late', 'close', error))
  }

  get current(): Generation<Client> | undefined {
    return this.#current
  }

  get live(): ReadonlySet<Generation<Client>> {
    return this.#live
  }

  get waiting(): number {
    return this.#waiters.size
  }

  get closed(): boolean {
    return this.#closed !== undefined
  }

  /**
   * A lease, if one can be had at once. Opens the first client where the driver can do so synchronously.
   *
   * @throws CLOSED after close; what the factory throws, if this use opens the first client.
   */
  tryAcquire(holder: Holder): Lease<Client> | undefined {
    if (this.#closed !== undefined) throw closedError(this.#options.name)
    const aside = holder.kind === 'listener'
    if ((this.#waiters.size > 0 || this.#hold.active) && !aside) return undefined
    const generation = this.#current ?? this.#openFirst()
    if (generation === undefined) return undefined
    // Before the time, which costs as much as all the rest, and of which whoever has to wait asks in any case.
    if (!aside && !this.#admission.admits(generation)) return undefined
    const now = this.#clock.now()
    return this.#due.has(generation, now) ? undefined : generation.lease(holder, now)
  }

  /** Starts `caller` with a lease: at once if one can be had, else in turn, first in first out; or fails it. */
  acquire(holder: Holder, caller: Caller<Client>, options: AcquireOptions = {}): void {
    let lease: Lease<Client> | undefined
    try {
      options.signal?.throwIfAborted()
      lease = this.tryAcquire(holder)
    } catch (error) {
      caller.fail(error)
      return
    }
    if (lease !== undefined) {
      caller.start(lease)
      return
    }
    this.#waiters.add(holder, options, caller)
    this.#waitFor()
  }

  /**
   * Flushes once. Resolves when the old generation is gone or its deadline has come (`wait: 'drained'`), or as soon as
   * the fresh one serves (`'swapped'`); rejects, with the old one still serving, if no fresh client could be opened
   * and checked.
   */
  flush(request: FlushRequest, wait: 'drained' | 'swapped'): Promise<FlushReport> {
    if (this.#closed !== undefined) return Promise.reject(closedError(this.#options.name))
    return this.#turns.ask(request, wait)
  }

  /**
   * Flushes once nothing runs any more; new work waits for that. Rejects, with those who waited served by the current
   * client, if something still runs after `timeoutMs`, or as `flush` does.
   */
  async hold(request: FlushRequest, timeoutMs: number): Promise<FlushReport> {
    if (this.#closed !== undefined) throw closedError(this.#options.name)
    const swap = () => this.flush(request, 'swapped')
    try {
      return await this.#hold.during(timeoutMs, this.#closing.signal, swap)
    } finally {
      this.#openForWaiters()
      this.#vacate()
    }
  }

  /**
   * Whoever uses the client next waits for a flush instead of being handed what may be a dead socket. Where somebody uses
   * or wants it now, that flush begins at once. With `atMostMs` it does in any case, and after that nobody waits for it.
   */
  distrust(reason: string, atMostMs?: number): void {
    const generation = this.#current
    if (generation === undefined) return
    this.#due.mark(generation, reason, atMostMs)
    const wanted = generation.leases > 0 || this.#waiters.size > 0
    if (wanted || atMostMs !== undefined) this.#due.flush(generation)
  }

  /** A timer fires at that time: if it does so much later, the process was suspended. */
  armed(dueAt: number): void {
    this.#due.armed(dueAt)
  }

  /** That timer has fired. */
  wake(): void {
    if (this.#due.wakes(this.#clock.now())) this.distrust('woke up')
  }

  /**
   * Ends the rotation: waiters fail with CLOSED, an opening is aborted, running work may finish until the deadline and
   * is cut then. Afterwards no connection, timer or listener is left.
   */
  close(deadlineMs = this.#options.deadlineMs): Promise<void> {
    this.#closed ??= this.#close(deadlineMs)
    return this.#closed
  }

  async #flush(turn: Turn, swapped: (report: FlushReport) => void): Promise<FlushReport> {
    try {
      await this.#retirements.drainedEnough((peers) => this.#crowds(peers))
      // A lazy one has nothing to replace yet. Asked again, since another opening may have begun while this one was told.
      while (this.#first.pending && !turn.request.lazy) await this.#first.settle(turn.request.hold)
    } catch (error) {
      this.failures++
      this.#failed(turn.request.reason, 'open', error)
      throw error
    } finally {
      this.#turns.begin(turn)
    }
    if (this.closed) throw closedError(this.#options.name)
    const { request } = turn
    const previous = this.#current
    if (request.lazy && previous === undefined) return this.#nothingToDo(turn, 0)
    const idle = request.lazy && previous !== undefined && !previous.used
    if (idle && this.#driver.eager?.(previous.client)) {
      // Its fresh client would connect at once, for nobody: whoever uses it next waits for the flush instead.
      previous.due = 'used again'
      return this.#nothingToDo(turn, previous.number)
    }
    const fresh = await this.#prepare(previous, request, idle)
    // From here to the swap nothing is awaited: whoever comes in between would be lost.
    this.#preparing = undefined
    if (this.closed) {
      this.#discard(fresh)
      throw closedError(this.#options.name)
    }
    const checked = fresh.asked > 0
    const warmed = fresh.counted ?? fresh.asked
    const moved = previous !== undefined && !shareServer(previous.peers, fresh.peers)
    const { name } = this.#options
    const served = { name, reason: request.reason, generation: fresh.number, replaced: previous?.number, moved }
    const retirement = this.#swap(previous, fresh, { ...served, leases: previous?.leases ?? 0 })
    const report = reportAtSwap({ ...served, checked, warmed }, this.#clock.now() - turn.askedAt)
    swapped(report)
    if (retirement === undefined) return { ...report, drained: true }
    const outcome = await retirement.settle(request.deadlineMs, turn.awaited, () =>
      verdictOf(request, retirement.peers, fresh.peers),
    )
    this.#retirements.reconsider(request, fresh)
    this.#vacate()
    return { ...report, ...outcome, durationMs: this.#clock.now() - turn.askedAt }
  }

  #nothingToDo({ request, askedAt }: Turn, generation: number): FlushReport {
    const nothing = { generation, replaced: undefined, moved: false, checked: false, warmed: 0 }
    return reportAtSwap({ name: this.#options.name, reason: request.reason, ...nothing }, this.#clock.now() - askedAt)
  }

  #prepare(
    previous: Generation<Client> | undefined,
    request: FlushRequest,
    idle: boolean,
  ): Promise<Generation<Client>> {
    this.#preparing = this.#preparation.fresh(previous, request, idle).finally(() => this.#vacate())
    return this.#preparing.catch((error: unknown) => {
      this.failures++
      // Cleared before anybody hears of it: a caller that fails may ask again at once.
      this.#preparing = undefined
      if (this.#current === undefined) this.#waiters.failAll(error)
      throw error
    })
  }

  #swap(
    previous: Generation<Client> | undefined,
    fresh: Generation<Client>,
    swap: FlusherEvents['swap'],
  ): Retirement<Client> | undefined {
    fresh.asked = this.#driver.connections === undefined ? fresh.asked : 0
    this.#serve(fresh)
    this.flushes++
    const retirement = previous === undefined ? undefined : this.#retirements.begin(previous, 'replaced')
    this.#events.emit('swap', swap)
    for (const lease of previous?.outstanding() ?? []) {
      if (lease.holder.recall?.()) lease.release()
    }
    this.#vacate()
    return retirement
  }

  /** Drops a fresh client that may not serve. */
  #discard(generation: Generation<Client>): void {
    generation.state = 'closed'
    this.#live.delete(generation)
    try {
      this.#driver.cut(generation.client)
    } catch (error) {
      this.#failed('discard', 'close', error)
    }
  }

  /** Whether what drains there would come on top of the current client and a fresh one that fill themselves at once. */
  #crowds(peers: readonly string[]): boolean {
    const current = this.#current
    return current !== undefined && this.#driver.eager?.(current.client) === true && shareServer(peers, current.peers)
  }

  /** Opens the first generation; undefined where the driver takes its time. It is not checked: its user will. */
  #openFirst(): Generation<Client> | undefined {
    // A flush that opens the first client serves those who wait for it too.
    if (this.#first.pending || this.#preparing !== undefined) return undefined
    const client = this.#first.begin()
    return client === undefined ? undefined : this.#serveFirst(client, this.#clock.now())
  }

  /** A client that nobody waits for any more, unless it is one that is in use: the factory may have handed it out again. */
  #arrivedLate(client: Client): void {
    for (const { client: other } of this.#live) if (client === other) return
    this.#late.close(client)
  }

  /** Where a hold has found no client and its flush failed: those who came meanwhile open one as they would have. */
  #openForWaiters(): void {
    if (this.#current !== undefined || this.#waiters.size === 0 || this.#hold.active || this.closed) return
    try {
      this.#openFirst()
    } catch (error) {
      this.#waiters.failAll(error)
    }
  }

  #serveFirst(client: Client, since: number): Generation<Client> {
    const generation = this.#generation(client, since)
    this.#serve(generation)
    return generation
  }

  #serve(generation: Generation<Client>): void {
    generation.state = 'current'
    this.#due.serves(generation, this.#clock.now())
    this.#current = generation
  }

  #generation(client: Client, since: number): Generation<Client> {
    const generation = new Generation(
      ++this.#opened,
      client,
      since,
      this.#driver,
      (of) => this.#released(of),
      (what, error) => this.#failed(what, 'tell', error),
    )
    this.#live.add(generation)
    return generation
  }

  #released(generation: Generation<Client>): void {
    this.#partings.released(generation)
    if (generation.state === 'retiring') this.#retirements.released(generation)
    if (this.#waiters.size > 0 || this.#room.wanted) this.#vacate()
    this.#hold.released()
  }

  /** Something has become free: serves those who wait. */
  #vacate(): void {
    this.#room.vacated()
    const generation = this.#current
    if (generation === undefined || this.#waiters.size === 0 || this.#hold.active) return
    const now = this.#clock.now()
    if (this.#due.has(generation, now)) {
      this.#due.flush(generation)
      return
    }
    this.#waiters.serve((holder) => (this.#admission.admits(generation) ? generation.lease(holder, now) : undefined))
  }

  /** Sees to it that somebody will serve the caller that has just begun to wait. */
  #waitFor(): void {
    const generation = this.#current
    const { name } = this.#options
    // Not while the first client opens, or where it is full: without us they would wait too.
    if (this.#waiters.size === 1 && (this.#live.size > 1 || this.#hold.active)) {
      this.#events.emit('waiting', { name, waiting: 1 })
    }
    if (generation !== undefined && this.#due.has(generation, this.#clock.now())) this.#due.flush(generation)
  }

  #failed(reason: string, step: FailedStep, error: unknown): void {
    this.#events.emit('failed', { name: this.#options.name, reason, step, error })
  }

  async #close(deadlineMs: number): Promise<void> {
    const { name } = this.#options
    await null
    this.#due.end()
    this.#closing.abort(closedError(name))
    this.#first.abandon()
    this.#waiters.failAll(closedError(name))
    const current = this.#current
    this.#current = undefined
    if (current !== undefined) this.#retirements.begin(current, 'last')
    const disposed = (async () => this.#driver.dispose?.())().catch((error) => this.#failed('close', 'close', error))
    await Promise.all([this.#retirements.end(deadlineMs), this.#late.end(deadlineMs)])
    this.#partings.end()
    await disposed
    await this.#turns.last
  }
}
