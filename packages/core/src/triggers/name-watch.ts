import { addressOf, isName, plainAddress } from '../address.ts'
import type { Timer } from '../clock.ts'
import type { Endpoint } from '../driver.ts'
import type { Watched } from '../trigger.ts'

/** Every address of a host name, as `dns.promises.lookup(host, { all: true })` gives them. */
export type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>

interface NameWatchOptions {
  readonly pollMs: number
  readonly settleMs: number
  readonly lookup: Lookup
  readonly endpoints: readonly Pick<Endpoint, 'host'>[] | undefined
}

/** Each period is shortened at random by up to this share, so that the look-ups of a fleet do not align. */
const JITTER = 0.1

/** Looks the names of one client up, again and again, and asks for a flush when they have moved. */
export class NameWatch {
  readonly #watched: Watched
  readonly #options: NameWatchOptions
  /** The last answer of each name. */
  readonly #answers = new Map<string, ReadonlySet<string>>()
  /** When each address was last in an answer. */
  readonly #seenAt = new Map<string, number>()
  /** Addresses that sockets go on being connected to though no answer has them: a proxy's, say. They mean nothing. */
  readonly #foreign = new Set<string>()
  /** Names whose look-up has not come back. One that never does is not asked again: it occupies a thread. */
  readonly #pending = new Set<string>()
  /** Names whose last look-up failed. */
  readonly #failing = new Set<string>()
  #timer: Timer | undefined
  #stopped = false
  /** Has moved, and its answer has not settled yet. */
  #moving = false
  #changedAt = 0
  /** An answer has changed since they were judged. */
  #changed = false

  constructor(watched: Watched, options: NameWatchOptions) {
    this.#watched = watched
    this.#options = options
  }

  /** Begins to poll, after a random part of a period: what started together would else look up, and connect, together. */
  start(): void {
    // Where no sockets tell, the first answer is all that a later one can be compared with: it must not be late.
    const tellsNothing = this.#options.endpoints !== undefined || this.#watched.peers() === undefined
    if (tellsNothing) this.#tellFailureOf(this.#lookUpAll())
    this.#after(this.#period() * (1 - this.#watched.random()))
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #period(): number {
    return this.#options.pollMs * (1 - JITTER * this.#watched.random())
  }

  #after(ms: number): void {
    this.#timer = this.#watched.clock.after(Math.max(1, ms), false, () => {
      this.#after(this.#period())
      this.#tellFailureOf(this.#poll())
    })
  }

  /** Nobody waits for it: what the driver throws would be heard of by nobody else. */
  #tellFailureOf(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.#stopped) this.#watched.failed(error)
    })
  }

  async #poll(): Promise<void> {
    if (this.#watched.peers()?.length === 0) return
    const asked = await this.#lookUpAll()
    // Only now: a socket may have been connected by a newer answer than the last one.
    if (asked > 0 && !this.#stopped) this.#judge()
  }

  /** Resolves with how many names were asked, once each has been answered. */
  async #lookUpAll(): Promise<number> {
    const names = new Set(this.#hosts().filter(isName))
    for (const known of this.#answers.keys()) if (!names.has(known)) this.#answers.delete(known)
    const asked = [...names].filter((name) => !this.#pending.has(name))
    await Promise.all(asked.map((name) => this.#lookUp(name)))
    return asked.length
  }

  #hosts(): string[] {
    const endpoints = this.#options.endpoints ?? this.#watched.endpoints()
    return endpoints.map(({ host }) => host)
  }

  async #lookUp(name: string): Promise<void> {
    this.#pending.add(name)
    try {
      const addresses = await this.#options.lookup(name)
      const answer = new Set(addresses.map(({ address }) => plainAddress(address)))
      this.#failing.delete(name)
      if (!this.#stopped && answer.size > 0) this.#answered(name, answer)
    } catch (error) {
      // Told once, not at every poll.
      if (!this.#stopped && !this.#failing.has(name)) this.#watched.failed(error)
      this.#failing.add(name)
    } finally {
      this.#pending.delete(name)
    }
  }

  #answered(name: string, answer: ReadonlySet<string>): void {
    const now = this.#watched.clock.now()
    const before = this.#answers.get(name)
    this.#answers.set(name, answer)
    for (const address of answer) {
      this.#seenAt.set(address, now)
      this.#foreign.delete(address)
    }
    if (before === undefined || sameMembers(before, answer)) return
    this.#changed = true
    this.#changedAt = now
  }

  /** Compares what the sockets are connected to with what the names say now. */
  #judge(): void {
    // As long as a name has never been answered, any address may be its.
    if (this.#answers.size === 0 || !this.#hosts().every((host) => !isName(host) || this.#answers.has(host))) return
    const now = this.#watched.clock.now()
    const { settleMs } = this.#options
    const changed = this.#changed
    this.#changed = false
    const peers = this.#watched.peers()
    const strays = this.#strays(peers ?? [])
    if (!this.#moving) {
      if (peers === undefined ? changed : strays.length > 0) {
        this.#moving = true
        this.#changedAt = now
        this.#flush('name moved', strays)
      }
    } else if (now - this.#changedAt >= settleMs) {
      this.#moving = false
      for (const stray of strays) this.#foreign.add(stray)
      this.#flush('name settled', strays)
    } else {
      const gone = strays.filter((stray) => now - (this.#seenAt.get(stray) ?? now) >= settleMs)
      for (const address of gone) this.#seenAt.set(address, now)
      if (gone.length > 0) this.#flush('name moved', gone)
    }
    for (const [address, at] of this.#seenAt) {
      if (now - at > settleMs && !strays.includes(address)) this.#seenAt.delete(address)
    }
  }

  /** An address that no answer has ever had is not gone: it may be a proxy's. */
  #flush(reason: string, strays: readonly string[]): void {
    this.#watched.flush({ reason, gone: strays.filter((address) => this.#seenAt.has(address)) })
  }

  /** The addresses that sockets are connected to and that no answer has. */
  #strays(peers: readonly string[]): string[] {
    const literal = this.#hosts().map(plainAddress)
    const answers = [...this.#answers.values()].flatMap((answer) => [...answer])
    const expected = new Set([...literal, ...answers, ...this.#foreign])
    return [...new Set(peers.map(addressOf))].filter((address) => !expected.has(address))
  }
}

function sameMembers(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((member) => b.has(member))
}
