import type { Side } from './chronicle.ts'
import type { Load } from './load.ts'
import type { Stage } from './stage.ts'

/** How one client stands. Counts are since the start. */
export interface ClientSample {
  readonly name: string
  readonly answered: Readonly<Record<Side, number>>
  readonly failed: number
  readonly waiting: number
  /** As the servers say; null where a server cannot be asked. */
  readonly connections: Readonly<Record<Side, number | null>>
  /** Milliseconds that it took to come over after the last move. */
  readonly movedAfterMs: number | null
  /** Undefined for a plain client. */
  readonly rotation?: {
    readonly generation: number | undefined
    readonly leases: number
    readonly retiring: readonly { generation: number; leases: number; connections: number }[]
  }
}

/** How everything stands at one moment. */
export interface Sample {
  /** Seconds since the start. */
  readonly at: number
  /** Where the name points. */
  readonly name: Side
  readonly servers: Readonly<Record<Side, 'running' | 'frozen' | 'stopped'>>
  readonly clients: readonly ClientSample[]
}

/** Looks at the stage now. */
export function takeSample(stage: Stage, at: number): Sample {
  const { blue, green } = stage.pair
  return {
    at,
    name: stage.serving,
    servers: { blue: blue.state, green: green.state },
    clients: stage.loads.map((load) => ofClient(load, stage)),
  }
}

function ofClient(load: Load, { pair: { blue, green }, connections }: Stage): ClientSample {
  const { contender, answeredBy, failures, unanswered, movedAfterMs } = load
  const stats = contender.flushing?.$flusher.stats()
  return {
    name: contender.name,
    answered: { blue: answeredBy.get(blue.host) ?? 0, green: answeredBy.get(green.host) ?? 0 },
    failed: failures,
    waiting: unanswered,
    connections: { blue: connections.count(load, blue) ?? null, green: connections.count(load, green) ?? null },
    movedAfterMs: movedAfterMs === undefined ? null : Math.round(movedAfterMs),
    ...(stats && {
      rotation: { generation: stats.generation, leases: stats.leases, retiring: stats.retiring },
    }),
  }
}
