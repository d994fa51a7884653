import type { Rotator } from './rotator.ts'

/** How a flusher stands now. */
export interface FlusherStats {
  readonly name: string
  /** The number of the generation that serves; undefined before the first use. */
  readonly generation: number | undefined
  readonly state: 'idle' | 'open' | 'closed'
  /** Milliseconds since the current generation was opened; undefined before the first use. */
  readonly ageMs: number | undefined
  /** How many connections the current generation may hold; undefined where the driver does not tell. */
  readonly limit: number | undefined
  /** Leases on the current generation. */
  readonly leases: number
  /** Callers that wait for a lease. */
  readonly waiting: number
  /** Connections of the current generation. */
  readonly connections: number
  /** The addresses that the current generation is connected to, where the driver tells. */
  readonly peers: readonly string[]
  readonly retiring: readonly { generation: number; leases: number; connections: number }[]
  /** Flushes that put a fresh client in service. */
  readonly flushes: number
  /** Flushes that left the old one. */
  readonly failures: number
}

export function statsOf<Client>(rotator: Rotator<Client>, name: string, now: number): FlusherStats {
  const { current, live, waiting, closed, flushes, failures } = rotator
  return {
    name,
    generation: current?.number,
    state: closed ? 'closed' : current === undefined ? 'idle' : 'open',
    ageMs: current === undefined ? undefined : now - current.openedAt,
    limit: current === undefined || current.limit === Number.POSITIVE_INFINITY ? undefined : current.limit,
    leases: current?.leases ?? 0,
    waiting,
    connections: current?.connections ?? 0,
    peers: current === undefined ? [] : [...new Set(current.peers)],
    retiring: [...live]
      .filter((generation) => generation !== current && generation.state !== 'opening')
      .map(({ number, leases, connections }) => ({ generation: number, leases, connections })),
    flushes,
    failures,
  }
}
