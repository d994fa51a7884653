import { shareServer } from './address.ts'
import type { Generation } from './generation.ts'

/**
 * Who waits while generations overlap, so that the connections of all of them together stay within the client's own
 * limit + `overlap`.
 *
 * A generation's connections count from the moment when something is leased that will open them until they are closed.
 * Generations that are connected to different servers do not count against each other: each server has its own limit.
 */
export class Admission<Client> {
  readonly #live: ReadonlySet<Generation<Client>>
  readonly #overlap: number
  readonly #pipelines: boolean
  /** Connections that a flush is about to open and that belong to no generation yet. */
  claims = 0

  constructor(live: ReadonlySet<Generation<Client>>, overlap: number, pipelines: boolean) {
    this.#live = live
    this.#overlap = overlap
    this.#pipelines = pipelines
  }

  /** Whether `generation` may take one more lease now. */
  admits(generation: Generation<Client>): boolean {
    if (!this.#pipelines && generation.pooled + generation.parting >= generation.limit) return false
    if (this.#live.size === 1 && this.claims === 0) return true
    const held = generation.pooled + generation.leaving + generation.parting
    return held < this.#room(generation) || this.#rides(generation)
  }

  /** By how many connections the client's limit + overlap is exceeded, counting what `generation` is asked to open. */
  excess(generation: Generation<Client>): number {
    return generation.connections - this.#room(generation)
  }

  /** How many connections `generation` may hold beside all others that are connected to the same server. */
  #room(generation: Generation<Client>): number {
    let room = generation.limit + this.#overlap - this.claims
    if (room === Number.POSITIVE_INFINITY) return room
    const peers = generation.peers
    for (const other of this.#live) {
      if (other !== generation && shareServer(peers, other.peers)) room -= other.connections
    }
    return room
  }

  /** A pipelining client that has all its connections sends one more statement on one of those. */
  #rides(generation: Generation<Client>): boolean {
    return this.#pipelines && generation.connections >= generation.limit
  }
}
