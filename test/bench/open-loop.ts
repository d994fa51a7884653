/** How fast and how long to ask. */
export interface Pace {
  /** Queries a second. */
  readonly rate: number
  readonly ms: number
}

/**
 * Asks at a steady pace, whether what was asked before is answered or not. `ask` is told the number of the query, from
 * 0, and when it was due: latency counts from there, so that a stalled loop cannot hide it. `each` is called about every
 * millisecond. Resolves when the last query has been asked.
 */
export async function openLoop(
  { rate, ms }: Pace,
  ask: (number: number, dueAt: number) => void,
  each: () => void = () => {},
): Promise<void> {
  const start = performance.now()
  let asked = 0
  while (performance.now() - start < ms) {
    const due = Math.floor(((performance.now() - start) * rate) / 1_000)
    for (; asked < due; asked++) ask(asked, start + (asked * 1_000) / rate)
    each()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** The value that so large a share of the others stays below. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}
