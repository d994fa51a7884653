import type { Driver } from './driver.ts'
import type { PeriodicFlushError } from './errors.ts'

/** What a lease is for; reports name it. */
export type LeaseKind = 'query' | 'transaction' | 'reserved' | 'cursor' | 'stream' | 'listener'

/**
 * Whoever holds a lease, as core sees it. None of its methods may throw.
 *
 * A `'listener'` has a connection beside the client's own: it neither waits for room nor takes any, and it is handed over
 * at a swap rather than ended.
 */
export interface Holder {
  readonly kind: LeaseKind
  /** The client was cut, or the flusher closed while this waited: settles whatever the caller still waits for. */
  cut(error: PeriodicFlushError): void
  /**
   * The generation retires. If the work has not been sent yet, takes it back out of the client and returns true: core
   * has forgotten the lease then, and the holder acquires anew, on the fresh generation.
   */
  recall?(): boolean
}

/** One use of a client that must end before its generation may close. */
export interface Lease<Client> {
  readonly client: Client
  /** Ends the use. Safe to call more than once. */
  release(): void
}

/** A lease that the deadline found still running. */
export interface Straggler {
  readonly kind: LeaseKind
  readonly ageMs: number
}

/**
 * `opening`: being opened and checked; `current`: serves; `retiring`: takes no new work; `closed`: gone, or going with
 * nothing in flight.
 */
export type GenerationState = 'opening' | 'current' | 'retiring' | 'closed'

/**
 * One client, its number, and its leases.
 *
 * Leases form a doubly linked ring through the generation itself, so that taking and giving one back costs no more
 * than the lease. Acquire and count happen in one synchronous step: a caller and a swap in the same tick agree on one
 * generation.
 */
export class Generation<Client> {
  readonly number: number
  readonly client: Client
  /** When its opening began: what it looked up is no older. */
  readonly openedAt: number
  /** From when `maxAgeMs` counts: since it serves, or since no fresh client could be had. */
  agesFrom: number
  state: GenerationState = 'opening'
  /** How many leases are out. */
  leases = 0
  /** How many of them are on the client's own connections. */
  pooled = 0
  /** The most of those that were out at once since the last flush, or since its idle connections were closed. */
  peak = 0
  /** Whether anything was leased since the last flush. */
  used = false
  /** Why its next use flushes, if it does. */
  due: string | undefined
  /** Outlived its deadline and was kept: it no longer delays a later flush. */
  kept = false
  /** Connections that core has asked the client to open by itself (check, warm-up). */
  asked = 0
  /** Connections that core has asked the client to close, and that are not closed yet. */
  leaving = 0
  /** Connections that the client closes by itself, since a lease has ended, and that are not closed yet. */
  parting = 0

  readonly #driver: Driver<Client>
  readonly #released: (generation: Generation<Client>) => void
  readonly #untold: (what: 'peers' | 'connections', error: unknown) => void
  /** What the driver has failed to tell is told once: it is asked again and again. */
  readonly #failing = new Set<'peers' | 'connections'>()
  #newest: GenerationLease<Client> | undefined

  constructor(
    number: number,
    client: Client,
    openedAt: number,
    driver: Driver<Client>,
    released: (generation: Generation<Client>) => void,
    untold: (what: 'peers' | 'connections', error: unknown) => void,
  ) {
    this.number = number
    this.client = client
    this.openedAt = openedAt
    this.agesFrom = openedAt
    this.#driver = driver
    this.#released = released
    this.#untold = untold
    this.limit = driver.limit?.(client) ?? Number.POSITIVE_INFINITY
  }

  /** How many connections the client may hold. */
  readonly limit: number

  /** How many connections it holds, or is bound to hold in a moment; an upper bound where the driver does not tell. */
  get connections(): number {
    const busy = Math.min(this.limit, this.pooled)
    const told = this.counted
    if (told !== undefined) return Math.max(told, busy, this.asked)
    return Math.max(Math.min(this.limit, this.peak), this.asked)
  }

  /** How many of them idle. */
  get idle(): number {
    return this.connections - this.pooled - this.parting
  }

  /** Its idle connections are closed: no more than `left` are. */
  shed(left: number): void {
    this.peak = Math.min(this.peak, left)
    this.asked = Math.min(this.asked, left)
  }

  /** How many connections the driver counts; undefined where it does not tell. */
  get counted(): number | undefined {
    try {
      return this.#driver.connections?.(this.client)
    } catch (error) {
      this.#mute('connections', error)
      return undefined
    }
  }

  /** The addresses that its sockets are connected to; undefined where the driver does not tell. */
  get told(): readonly string[] | undefined {
    try {
      return this.#driver.peers?.(this.client)
    } catch (error) {
      this.#mute('peers', error)
      return undefined
    }
  }

  /** The same; empty where the driver does not tell. */
  get peers(): readonly string[] {
    return this.told ?? []
  }

  /** Whether its driver tells whom it is connected to, and that is nobody. */
  get isNowhere(): boolean {
    return this.told?.length === 0
  }

  lease(holder: Holder, now: number): Lease<Client> {
    const lease = new GenerationLease(this, holder, now, this.#newest)
    if (this.#newest !== undefined) this.#newest.newer = lease
    this.#newest = lease
    this.used = true
    this.leases++
    if (holder.kind !== 'listener' && ++this.pooled > this.peak) this.peak = this.pooled
    return lease
  }

  /** Takes a lease off the list; its release comes from the lease itself. */
  forget(lease: GenerationLease<Client>): void {
    const { holder, older, newer } = lease
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else this.#newest = older
    this.leases--
    if (holder.kind !== 'listener') this.pooled--
    this.#released(this)
  }

  /** It is asked on the way of a query, and between the steps of a flush: a driver that fails to tell must break neither. */
  #mute(what: 'peers' | 'connections', error: unknown): void {
    if (this.#failing.has(what)) return
    this.#failing.add(what)
    this.#untold(what, error)
  }

  /** The leases that are out, oldest first. */
  outstanding(): GenerationLease<Client>[] {
    const leases: GenerationLease<Client>[] = []
    for (let lease = this.#newest; lease !== undefined; lease = lease.older) leases.push(lease)
    return leases.reverse()
  }

  stragglers(now: number): Straggler[] {
    return this.outstanding().map(({ holder, since }) => ({ kind: holder.kind, ageMs: now - since }))
  }
}

/** A lease as its generation keeps it. */
export class GenerationLease<Client> implements Lease<Client> {
  readonly client: Client
  readonly holder: Holder
  readonly since: number
  older: GenerationLease<Client> | undefined
  newer: GenerationLease<Client> | undefined
  /** Undefined once it has been given back. */
  #generation: Generation<Client> | undefined

  constructor(
    generation: Generation<Client>,
    holder: Holder,
    since: number,
    older: GenerationLease<Client> | undefined,
  ) {
    this.#generation = generation
    this.client = generation.client
    this.holder = holder
    this.since = since
    this.older = older
    this.newer = undefined
  }

  release(): void {
    const generation = this.#generation
    if (generation === undefined) return
    this.#generation = undefined
    generation.forget(this)
  }
}
