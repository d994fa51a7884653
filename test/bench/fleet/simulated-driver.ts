import type { Driver, Endpoint } from '@periodic-flush/core'
import type { Network } from './network.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** A pool that has nothing but sockets, each with the address that it is connected to. */
export interface SimulatedPool {
  readonly sockets: string[]
}

/** What a connect and a first query take. */
const CONNECT_MS = 10

/** Pools of `size` connections on a simulated network. */
export class SimulatedDriver implements Driver<SimulatedPool> {
  readonly name = 'simulated'
  readonly #clock: VirtualClock
  readonly #network: Network
  readonly #size: number

  constructor(clock: VirtualClock, network: Network, size: number) {
    this.#clock = clock
    this.#network = network
    this.#size = size
  }

  open(): SimulatedPool {
    return { sockets: [] }
  }

  check(pool: SimulatedPool): Promise<void> {
    return this.#connect(pool)
  }

  limit(): number {
    return this.#size
  }

  connections(pool: SimulatedPool): number {
    return pool.sockets.length
  }

  peers(pool: SimulatedPool): readonly string[] {
    return pool.sockets.map((address) => `${address}:5432`)
  }

  endpoints(): readonly Endpoint[] {
    return [{ host: 'database', port: 5432 }]
  }

  async warm(pool: SimulatedPool, count: number): Promise<void> {
    while (pool.sockets.length < count) await this.#connect(pool)
  }

  async shrink(pool: SimulatedPool, count: number): Promise<void> {
    pool.sockets.splice(0, count)
  }

  async retire(pool: SimulatedPool): Promise<void> {
    pool.sockets.length = 0
  }

  async close(pool: SimulatedPool): Promise<void> {
    pool.sockets.length = 0
  }

  cut(pool: SimulatedPool): void {
    pool.sockets.length = 0
  }

  /** What traffic does that needs all connections at once: opens those that are missing. */
  fill(pool: SimulatedPool): void {
    while (pool.sockets.length < this.#size) pool.sockets.push(this.#network.connect())
  }

  async #connect(pool: SimulatedPool): Promise<void> {
    const address = this.#network.connect()
    await this.#clock.wait(CONNECT_MS)
    pool.sockets.push(address)
  }
}
