import { seeded } from './fleet/seeded.ts'

/** A median and the interval that holds it with 95 % certainty. */
export interface Interval {
  readonly median: number
  readonly low: number
  readonly high: number
}

const RESAMPLES = 2_000

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}

/**
 * The median of all values, and its bootstrap interval; the same values give the same interval. Values of one group share
 * its luck, so that whole groups are drawn: more values of the same group do not make the interval narrower.
 */
export function interval(groups: readonly (readonly number[])[]): Interval {
  const random = seeded(1)
  const draw = () => groups[Math.floor(random() * groups.length)] ?? []
  const medians = Array.from({ length: RESAMPLES }, () => median(groups.flatMap(draw))).sort((a, b) => a - b)
  const at = (share: number) => medians[Math.floor(share * (RESAMPLES - 1))] ?? Number.NaN
  return { median: median(groups.flat()), low: at(0.025), high: at(0.975) }
}

/** Whether a value that should be at least that high is: only an interval that lies on one side of it tells. */
export function atLeast(goal: number, { low, high }: Interval): 'reached' | 'unclear' | 'missed' {
  if (low >= goal) return 'reached'
  return high < goal ? 'missed' : 'unclear'
}

/** The same of a value that should be at most that high. */
export function atMost(goal: number, { low, high }: Interval): 'reached' | 'unclear' | 'missed' {
  if (high <= goal) return 'reached'
  return low > goal ? 'missed' : 'unclear'
}
