/** What `pnpm bench all` has measured: the README's figures and pictures are made of this and of nothing else. */
export interface BenchRecord {
  /** The day, as in 2026-01-31. */
  readonly date: string
  /** Whether everything was cut short, to see that it works: not to be published. */
  readonly quick: boolean
  readonly minutes: number
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly overhead: readonly OverheadRow[]
  readonly flush: readonly FlushRow[]
  readonly soak: readonly SoakRow[]
  readonly failover: readonly FailoverRow[]
  readonly goals: readonly Goal[]
  /** What could not be measured, and why. */
  readonly notes: readonly Note[]
}

export interface Machine {
  readonly cores: number
  readonly 'memory GB': number
  readonly os: string
}

/** A way of keeping up with the servers, against the bare client in the same minute. */
export interface OverheadRow {
  readonly client: string
  readonly way: string
  /** How many ask at once, each one query after the other. */
  readonly callers: number
  /** Queries per second, as a share of the bare client's: the median, and its 95 % interval. */
  readonly ratio: number
  readonly low: number
  readonly high: number
  /** This process's own CPU time per query, as a multiple of the bare client's. */
  readonly cpu: number
  readonly 'cpu low': number
  readonly 'cpu high': number
  /** The same in microseconds: how much more than the bare client. */
  readonly 'added µs': number
  readonly 'added low': number
  readonly 'added high': number
  /** What it is more than: the bare client's own CPU time per query, median. */
  readonly 'bare µs': number
  /** How often all was opened anew. */
  readonly sittings: number
  /** In all sittings together. */
  readonly rounds: number
}

export interface FlushRow {
  readonly client: string
  readonly way: string
  /** Whether all connections are renewed once per interval. */
  readonly renews: boolean
  readonly queries: number
  readonly failed: number
  readonly 'never answered': number
  readonly 'failed flushes': number
  /** The 99th percentile of the latency: the median of the rounds, and the least and the most of them. */
  readonly 'p99 ms': number
  readonly 'p99 least': number
  readonly 'p99 most': number
  /** Against the bare client in the same round: the median of the rounds, and the least and the most of them. */
  readonly ratio: number
  readonly 'ratio least': number
  readonly 'ratio most': number
  readonly 'peak connections': number
  readonly rounds: number
}

export interface SoakRow {
  readonly client: string
  readonly way: string
  readonly renewals: number
  readonly 'heap MB': number
  /** `null` where the system does not tell. */
  readonly 'file descriptors': number | null
  readonly listeners: number
}

export interface FailoverRow {
  readonly client: string
  readonly scenario: string
  readonly way: string
  readonly 'first from new, ms': number | 'never'
  readonly 'last from old, ms': number
  readonly failed: number
  readonly 'on the wire': number
  readonly 'never answered': number
  readonly 'old took after an error': number | ''
  readonly 'peak connections': number
  readonly 'p99 ms': number
}

/** Something that is promised, and what came out. */
export interface Goal {
  readonly bench: BenchName
  readonly client: string
  readonly goal: string
  readonly value: string
  /** `unclear`: what was measured lies on both sides of the goal. */
  readonly verdict: 'reached' | 'unclear' | 'missed'
  /** Of what is missed. */
  readonly reason?: string
}

export interface Note {
  readonly bench: BenchName
  readonly client: string
  readonly way: string
  readonly text: string
}

/** The benches that the record is made of. */
export const benchNames = ['overhead', 'flush', 'soak', 'failover'] as const

export type BenchName = (typeof benchNames)[number]

/** What one bench comes to. */
export interface Findings<Row extends object = object> {
  readonly rows: readonly Row[]
  readonly goals: readonly Goal[]
  readonly notes: readonly Note[]
}

/** Until somebody looks into it. */
export const unexplained = 'not explained yet'
