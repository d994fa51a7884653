import type { Pool } from './pool.ts'
import type { Traits } from './traits.ts'

/** What must become of a pool that was replaced, read from the reasons of the flush. */
export class Retired {
  /** The time until which its work may go on undisturbed. */
  readonly deadline: number
  readonly #onDeadline: 'auto' | 'keep' | 'cut'
  readonly #abandoned: boolean
  readonly #pool: Pool
  readonly #fresh: Pool
  readonly #wasConnected: boolean
  readonly #tellsPeers: boolean
  /** How the flushes that came afterwards see it. */
  readonly #later: Retired[] = []

  constructor(pool: Pool, fresh: Pool, reason: string, now: number, traits: Traits, wasConnected = false) {
    const asked = reason.split(', ').map((each) => {
      const [ms, onDeadline] = each.split('/')
      return onDeadline === undefined ? [traits.deadlineMs, traits.onDeadline] : [Number(ms), onDeadline]
    })
    this.deadline = now + Math.min(...asked.map(([ms]) => Number(ms)))
    const verdicts = asked.map(([, onDeadline]) => onDeadline)
    this.#onDeadline = verdicts.includes('cut') ? 'cut' : verdicts.includes('keep') ? 'keep' : 'auto'
    const isAt = reason.includes(`gone ${pool.server.split(':')[0]}`)
    this.#wasConnected = wasConnected || pool.connections > 0
    this.#abandoned = reason.includes('abandoned') || (traits.tellsPeers && isAt && this.#wasConnected)
    this.#pool = pool
    this.#fresh = fresh
    this.#tellsPeers = traits.tellsPeers
  }

  /** Another flush has put `fresh` in service: what was kept on the server that the client has left is cut then. */
  follows(fresh: Pool, reason: string, now: number, traits: Traits): void {
    this.#later.push(new Retired(this.#pool, fresh, reason, now, traits, this.#wasConnected))
  }

  mayCut(now: number): boolean {
    if (now < this.deadline) return false
    const left = this.#later.some((later) => later.#onDeadline === 'auto' && later.#verdict === 'cut')
    return this.#verdict === 'cut' || (this.#onDeadline === 'auto' && left)
  }

  mayKeep(now: number): boolean {
    return now >= this.deadline && this.#verdict !== 'cut'
  }

  get #verdict(): 'keep' | 'cut' {
    if (this.#onDeadline !== 'auto') return this.#onDeadline
    const both = (this.#wasConnected || this.#pool.connections > 0) && this.#fresh.connections > 0
    const moved = this.#tellsPeers && both && this.#pool.server !== this.#fresh.server
    return this.#abandoned || moved ? 'cut' : 'keep'
  }
}
