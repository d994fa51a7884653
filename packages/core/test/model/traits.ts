import fc from 'fast-check'
import type { OnDeadline } from '../../src/options.ts'

/** What a step of the driver does, in the order in which steps are asked for. */
export type Outcome = 'now' | 'later' | 'fails' | 'fails later' | 'hangs' | 'arrives late'

/** One kind of client, and how it is flushed. */
export interface Traits {
  readonly limit: number
  readonly overlap: number
  readonly pipelines: boolean
  /** Opens its first client within the call. */
  readonly opensAtOnce: boolean
  readonly eager: boolean
  readonly tellsConnections: boolean
  readonly tellsPeers: boolean
  readonly warms: boolean
  /** `in vain`: it says that it is done, and has closed nothing. */
  readonly shrinks: 'never' | 'well' | 'in vain'
  readonly retires: boolean
  readonly checks: boolean
  readonly requires: 'any' | 'writable'
  readonly intervalMs: number | false
  readonly maxAgeMs: number | false
  readonly deadlineMs: number
  readonly onDeadline: OnDeadline
  readonly checkTimeoutMs: number
  readonly minGapMs: number
  /** What chance always says. */
  readonly chance: number
  /** Taken in turn, from the start again at the end. */
  readonly outcomes: readonly Outcome[]
}

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { arbitrary: fc.constant('now' as const), weight: 8 },
  { arbitrary: fc.constant('later' as const), weight: 6 },
  { arbitrary: fc.constantFrom('fails' as const, 'fails later' as const), weight: 2 },
  { arbitrary: fc.constantFrom('hangs' as const, 'arrives late' as const), weight: 2 },
)

export const traits: fc.Arbitrary<Traits> = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  overlap: fc.integer({ min: 1, max: 2 }),
  pipelines: fc.boolean(),
  opensAtOnce: fc.boolean(),
  eager: fc.boolean(),
  tellsConnections: fc.boolean(),
  tellsPeers: fc.boolean(),
  warms: fc.boolean(),
  shrinks: fc.constantFrom('never', 'well', 'well', 'in vain'),
  retires: fc.boolean(),
  checks: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, fc.constant(false)),
  requires: fc.constantFrom('any', 'any', 'writable'),
  intervalMs: fc.constantFrom(false as const, 300, 2_000),
  maxAgeMs: fc.constantFrom(false as const, false as const, 700),
  deadlineMs: fc.constantFrom(0, 50, 400),
  onDeadline: fc.constantFrom('auto', 'keep', 'cut'),
  checkTimeoutMs: fc.constantFrom(100, 200),
  minGapMs: fc.constantFrom(0, 100),
  chance: fc.constantFrom(0, 0.5, 0.99),
  outcomes: fc.array(outcome, { minLength: 1, maxLength: 12 }),
})
