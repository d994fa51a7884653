import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import type { Driver } from './driver.ts'
import { Ending } from './ending.ts'
import { cutError } from './errors.ts'
import type { Events, FailedStep } from './events.ts'
import type { FlushReport } from './flush-report.ts'
import type { Verdict } from './flush-request.ts'
import type { Generation } from './generation.ts'
import type { ResolvedOptions } from './options.ts'

/** What the retirement tells the rotator. */
export interface RetirementListener {
  /** A lease has ended or a connection has closed. */
  vacated(): void
  /** The generation is closed: nothing of it is left. */
  gone(): void
}

/** Whether another generation serves in its place, or it is the last: then unsent work has nowhere else to go. */
export type Place = 'replaced' | 'last'

/** How a retirement stood at its deadline. */
export type Outcome = Pick<FlushReport, 'drained' | 'cut' | 'stragglers'>

/**
 * The way of one generation from the swap to its end.
 *
 * Its client closes at zero leases, or by a cut. Idle connections close at once; the others as their leases end.
 */
export class Retirement<Client> {
  /**
   * Where the old client is connected now, which is where its stragglers are, once what was idle is closed; half-dead
   * sockets may not tell, so if none does, where it was connected when it was replaced.
   */
  get peers(): readonly string[] {
    const { peers } = this.#generation
    return peers.length === 0 ? this.#peers : peers
  }

  readonly #generation: Generation<Client>
  readonly #place: Place
  readonly #driver: Driver<Client>
  readonly #name: string
  readonly #clock: Clock
  readonly #events: Events
  readonly #listener: RetirementListener
  readonly #closeMs: number
  readonly #peers: readonly string[]
  readonly #gone = deferred<void>()
  readonly #settled = deferred<void>()
  #phase: 'draining' | 'closing' | 'gone' = 'draining'
  #tidying = false
  #ending: Ending<Client> | undefined
  /** Set while stragglers are kept, but not for good: how they are judged whenever fewer are left. */
  #staying: (() => Verdict) | undefined

  constructor(
    generation: Generation<Client>,
    place: Place,
    driver: Driver<Client>,
    { name, checkTimeoutMs }: Pick<ResolvedOptions, 'name' | 'checkTimeoutMs'>,
    clock: Clock,
    events: Events,
    listener: RetirementListener,
  ) {
    this.#generation = generation
    this.#place = place
    this.#driver = driver
    this.#name = name
    this.#closeMs = checkTimeoutMs
    this.#clock = clock
    this.#events = events
    this.#listener = listener
    this.#peers = generation.peers
  }

  /** Resolves once the generation is gone, or was kept at its deadline. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** A lease has ended, or the work that was not sent yet has been taken back: closes what is idle now. */
  tidy(): void {
    if (this.#tidying || this.#phase !== 'draining') return
    this.#tidying = true
    // Leases end in bursts, and a client marks its connection idle only after it has settled the caller.
    queueMicrotask(() => {
      this.#tidying = false
      if (this.#phase !== 'draining') return
      if (this.#generation.leases === 0) this.#close()
      else if (this.#place === 'replaced') this.#retireIdle()
    })
  }

  /**
   * Waits until the generation is gone, at the latest until the deadline; what is still running then is cut or kept as
   * `verdict` says.
   */
  async settle(deadlineMs: number, hold: boolean, verdict: () => Verdict): Promise<Outcome> {
    const deadline = deferred<void>()
    const timer = this.#clock.after(deadlineMs, hold, () => deadline.resolve())
    await Promise.race([this.#gone.promise, deadline.promise])
    timer.cancel()
    if (this.#phase === 'closing') {
      if (deadlineMs > 0) this.#ending?.cut()
      // Without any time for the work, the client closes all the same, and the ending's own timer keeps no process alive.
      const closed = this.#clock.after(this.#closeMs, hold, () => this.#ending?.cut())
      await this.#gone.promise
      closed.cancel()
    }
    if (this.#phase === 'gone') return { drained: true, cut: 0, stragglers: [] }
    const stragglers = this.#generation.stragglers(this.#clock.now())
    const decided = verdict()
    if (decided !== 'cut') {
      this.#generation.kept = true
      if (decided === 'stay') this.#staying = verdict
      this.#settled.resolve()
      return { drained: false, cut: 0, stragglers }
    }
    this.#cut()
    return { drained: true, cut: stragglers.length, stragglers }
  }

  /** Another client serves: stragglers that stayed since theirs was connected to the same server are judged anew. */
  reconsider(verdict: () => Verdict): void {
    if (this.#staying === undefined) return
    this.#staying = verdict
    this.#judge()
  }

  #judge(): void {
    if (this.#phase === 'draining' && this.#staying?.() === 'cut') this.#cut()
  }

  #cut(): void {
    const leases = this.#generation.outstanding()
    const stragglers = this.#generation.stragglers(this.#clock.now())
    const error = cutError(this.#name, `generation ${this.#generation.number} was still busy at its deadline`)
    this.#generation.state = 'closed'
    for (const lease of leases) {
      lease.release()
      lease.holder.cut(error)
    }
    this.#events.emit('cut', { name: this.#name, generation: this.#generation.number, stragglers })
    try {
      this.#driver.cut(this.#generation.client)
    } catch (error) {
      this.#failed('close', error)
    }
    this.#end()
  }

  #retireIdle(): void {
    const { retire } = this.#driver
    if (retire === undefined) return
    // What is busy now may be idle by then, and open still.
    const busy = this.#generation.pooled
    ;(async () => retire.call(this.#driver, this.#generation.client, busy))()
      .then(() => {
        this.#generation.shed(busy)
        this.#judge()
      })
      .catch((error: unknown) => this.#failed('retire', error))
      .finally(() => this.#listener.vacated())
  }

  #close(): void {
    this.#phase = 'closing'
    this.#generation.state = 'closed'
    this.#ending = new Ending(this.#generation.client, this.#driver, this.#closeMs, this.#clock, {
      gone: () => this.#end(),
      failed: (error) => this.#failed('close', error),
    })
  }

  #end(): void {
    this.#phase = 'gone'
    this.#gone.resolve()
    this.#settled.resolve()
    this.#listener.gone()
    const { number, openedAt } = this.#generation
    this.#events.emit('retired', { name: this.#name, generation: number, ageMs: this.#clock.now() - openedAt })
  }

  #failed(step: FailedStep, error: unknown): void {
    this.#events.emit('failed', { name: this.#name, reason: 'retire', step, error })
  }
}
