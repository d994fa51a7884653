import { type NameMovedOptions, nameMoved } from '@periodic-flush/core'
import { type NatsTriggerOptions, natsTrigger } from '@periodic-flush/fleet/nats'
import type { Network } from './network.ts'
import type { Fleet } from './simulation.ts'

export interface Scenario {
  readonly id: string
  readonly title: string
  readonly caption: string
  fleet(network: Network): Fleet
}

export const scenarios: readonly Scenario[] = [
  {
    id: 'jitter-0',
    title: 'jitter: 0',
    caption: 'Every process flushes every 30 s, all at the same moment',
    fleet: () => ({ options: { jitter: 0 } }),
  },
  {
    id: 'jitter-alone',
    title: 'jitter without a phase',
    caption: 'Periods of 27 to 30 s, the first one a whole interval: not offered',
    fleet: () => ({ options: {}, chance: withoutPhase }),
  },
  {
    id: 'phase-alone',
    title: 'a phase without jitter',
    caption: 'The first period drawn at random, then 30 s exactly',
    // So little that it does nothing but ask for a phase.
    fleet: () => ({ options: { jitter: 1e-9 } }),
  },
  {
    id: 'default',
    title: 'the default',
    caption: 'A phase for each process, and jitter: 0.1',
    fleet: () => ({ options: {} }),
  },
  {
    id: 'name-moved',
    title: 'nameMoved()',
    caption: 'The default, and a look-up every second in each process',
    fleet: (network) => watching(network, {}),
  },
  {
    id: 'name-moved-spread',
    title: 'nameMoved({ pollMs: 5000 })',
    caption: 'The default, and a look-up every five seconds in each process',
    fleet: (network) => watching(network, { pollMs: 5_000 }),
  },
  {
    id: 'command',
    title: 'a fleet command',
    caption: 'The default, and “now” published as the name moves; spreadMs: 5000',
    fleet: () => commanded({}),
  },
  {
    id: 'command-spread',
    title: 'a fleet command, spreadMs: 30000',
    caption: 'The same, spread over as long as the interval',
    fleet: () => commanded({ spreadMs: 30_000 }),
  },
]

/** A schedule draws two numbers at its start: its jitter, and its phase, for which 0 means a whole period. */
function withoutPhase(random: () => number): () => number {
  let draws = 0
  return () => (++draws === 2 ? 0 : random())
}

function watching(network: Network, options: NameMovedOptions): Fleet {
  const lookup = async () => [{ address: network.address }]
  return { options: { triggers: [nameMoved({ lookup, ...options })] } }
}

function commanded(options: NatsTriggerOptions): Fleet {
  const bus = new Bus()
  return { options: { triggers: [natsTrigger(bus, options)] }, command: () => bus.publish('now') }
}

/** Stands in for a NATS connection: a message arrives everywhere at once. */
class Bus {
  #receive: (text: string) => void = () => {}

  subscribe(_subject: string, options: { readonly callback: (error: null, message: { string(): string }) => void }) {
    this.#receive = (text) => options.callback(null, { string: () => text })
    return { unsubscribe: () => {}, closed: new Promise<void>(() => {}) }
  }

  publish(text: string): void {
    this.#receive(text)
  }

  drain(): void {}
}
