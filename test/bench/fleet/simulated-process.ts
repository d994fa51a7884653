import { createFlusher, type Flusher, type Lease, type Options } from '@periodic-flush/core'
import type { Network } from './network.ts'
import { SimulatedDriver, type SimulatedPool } from './simulated-driver.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** One process of the fleet: a pool of simulated connections behind core's real rotation, schedule and triggers. */
export class SimulatedProcess {
  readonly #driver: SimulatedDriver
  readonly #flusher: Flusher<SimulatedPool>
  readonly #connections: number

  constructor(
    options: Options<SimulatedPool>,
    connections: number,
    network: Network,
    clock: VirtualClock,
    random: () => number,
  ) {
    this.#connections = connections
    this.#driver = new SimulatedDriver(clock, network, connections)
    this.#flusher = createFlusher(this.#driver, options, { clock, random })
    this.#flusher.on('swap', () => this.use())
  }

  /** All connections are busy at once, for a moment: the next flush will open as many. */
  use(): void {
    const leases: Lease<SimulatedPool>[] = []
    for (let n = 0; n < this.#connections; n++) {
      const lease = this.#flusher.tryAcquire({ kind: 'query', cut: () => {} })
      if (lease !== undefined) leases.push(lease)
    }
    const [first] = leases
    if (first !== undefined) this.#driver.fill(first.client)
    for (const lease of leases) lease.release()
  }

  /** Whether the client that serves is connected to `address` alone. */
  isAt(address: string): boolean {
    const sockets = this.#flusher.current()?.sockets ?? []
    return sockets.length > 0 && sockets.every((socket) => socket === address)
  }

  close(): Promise<void> {
    return this.#flusher.close({ deadlineMs: 0 })
  }
}
