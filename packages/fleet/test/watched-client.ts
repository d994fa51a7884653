import type { TriggerRequest, Watched } from '@periodic-flush/core'
import type { ManualClock } from '../../core/test/manual-clock.ts'

/** What a trigger sees of a client, with what it asked for. */
export class WatchedClient implements Watched {
  readonly name: string
  readonly clock: ManualClock
  readonly random: () => number
  readonly requests: TriggerRequest[] = []
  readonly errors: unknown[] = []

  constructor(name: string, clock: ManualClock, random: () => number = () => 0.5) {
    this.name = name
    this.clock = clock
    this.random = random
  }

  flush(request: TriggerRequest): void {
    this.requests.push(request)
  }

  failed(error: unknown): void {
    this.errors.push(error)
  }

  endpoints(): [] {
    return []
  }

  peers(): undefined {}

  async writable(): Promise<undefined> {}

  onSuspicion(): () => void {
    return () => {}
  }
}

/** Asks again and again until `condition` holds: what the test waits for happens in another process. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
