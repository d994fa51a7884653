import type { Straggler } from './generation.ts'

/** What a flush did. */
export interface FlushReport {
  /** The instance's name. */
  readonly name: string
  /** Why it was flushed. */
  readonly reason: string
  /** The number of the generation that serves now; 0 if there is none yet. */
  readonly generation: number
  /** The number of the one that served before; undefined if there was none. */
  readonly replaced: number | undefined
  /** True if the fresh client talks to another server than the old one did; false also where that is unknown. */
  readonly moved: boolean
  /** Whether the fresh client was checked. */
  readonly checked: boolean
  /** How many connections were open when the fresh client took over. */
  readonly warmed: number
  /** Whether the old generation is gone. False if stragglers were kept, or were not waited for. */
  readonly drained: boolean
  /** How many leases were cut. */
  readonly cut: number
  /** What was still running at the deadline, oldest first. */
  readonly stragglers: readonly Straggler[]
  /** Milliseconds from the request until the fresh client served. */
  readonly swapMs: number
  /** Milliseconds from the request until this report. */
  readonly durationMs: number
}

/** The report at the moment of the swap: what becomes of the old generation is not known yet. */
export function reportAtSwap(
  swap: Pick<FlushReport, 'name' | 'reason' | 'generation' | 'replaced' | 'moved' | 'checked' | 'warmed'>,
  elapsedMs: number,
): FlushReport {
  const drained = swap.replaced === undefined
  return { ...swap, drained, cut: 0, stragglers: [], swapMs: elapsedMs, durationMs: elapsedMs }
}
