import type { Clock } from './clock.ts'
import type { Driver } from './driver.ts'
import type { Events } from './events.ts'
import { type FlushRequest, verdictOf } from './flush-request.ts'
import type { Generation } from './generation.ts'
import type { ResolvedOptions } from './options.ts'
import { type Place, Retirement } from './retirement.ts'

/** What the retirements tell the rotator. */
export interface RetirementsListener<Client> {
  /** A connection has closed. */
  vacated(): void
  /** The generation is closed: nothing of it is left. */
  gone(generation: Generation<Client>): void
}

/** How many generations may drain at once; a further flush waits for the oldest. */
const DRAINING_AT_ONCE = 2

/** Every generation that retires and is not gone. */
export class Retirements<Client> {
  readonly #driver: Driver<Client>
  readonly #options: ResolvedOptions<Client>
  readonly #clock: Clock
  readonly #events: Events
  readonly #listener: RetirementsListener<Client>
  readonly #all = new Map<Generation<Client>, Retirement<Client>>()

  constructor(
    driver: Driver<Client>,
    options: ResolvedOptions<Client>,
    clock: Clock,
    events: Events,
    listener: RetirementsListener<Client>,
  ) {
    this.#driver = driver
    this.#options = options
    this.#clock = clock
    this.#events = events
    this.#listener = listener
  }

  begin(generation: Generation<Client>, place: Place): Retirement<Client> {
    const retirement = new Retirement(generation, place, this.#driver, this.#options, this.#clock, this.#events, {
      vacated: () => this.#listener.vacated(),
      gone: () => {
        this.#all.delete(generation)
        this.#listener.gone(generation)
      },
    })
    generation.state = 'retiring'
    this.#all.set(generation, retirement)
    retirement.tidy()
    return retirement
  }

  /** A lease on one of them has ended. */
  released(generation: Generation<Client>): void {
    this.#all.get(generation)?.tidy()
  }

  /** Resolves when fewer drain than may at once, and none that `crowds`; kept ones do not count. */
  async drainedEnough(crowds: (peers: readonly string[]) => boolean): Promise<void> {
    for (;;) {
      const draining = [...this.#all].filter(([generation]) => !generation.kept)
      const crowded = draining.some(([, { peers }]) => crowds(peers))
      if (draining.length < DRAINING_AT_ONCE && !crowded) return
      await Promise.race(draining.map(([, retirement]) => retirement.settled))
    }
  }

  /** What earlier flushes kept while it was on the server of the client that served is judged by where that is now. */
  reconsider(request: FlushRequest, fresh: Generation<Client>): void {
    if (request.onDeadline !== 'auto') return
    for (const [{ number }, retirement] of this.#all) {
      if (number < fresh.number) retirement.reconsider(() => verdictOf(request, retirement.peers, fresh.peers))
    }
  }

  /** Resolves when all that retire now are gone: what still runs at the deadline is cut. */
  async end(deadlineMs: number): Promise<void> {
    await Promise.all([...this.#all.values()].map((retirement) => retirement.settle(deadlineMs, true, () => 'cut')))
  }
}
