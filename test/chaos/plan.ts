import fc from 'fast-check'

/** How a fault ends; `undefined` where it is over in a moment. */
export type Ending =
  /** It is undone: who waited gets an answer. */
  | 'heal'
  /** Connections that it concerns are broken. */
  | 'break'
  /** New connections are fine again; those that hang go on hanging, so that only a cut can end them. */
  | 'leave'
  /** The name moves away while it lasts; it is undone only after nobody waits for that server any more. */
  | 'move'
  | undefined

export type Fault = (typeof faults)[number]

/** One fault of a plan. */
export interface Step {
  readonly fault: Fault
  readonly ending: Ending
  /** Where: the server that the name points at, or the other one, and the name moves there while the fault lasts. */
  readonly at: 'serving' | 'next'
  /** How long it lasts. */
  readonly ms: number
  /** How long it is calm afterwards. */
  readonly calmMs: number
}

const faults = [
  'move',
  'freeze',
  'kill',
  'crash',
  'restart',
  'refuse',
  'slow connects',
  'accept and never answer',
  'half-open',
  'reset',
  'TLS',
  'wrong password',
  'no connection left',
  'disk full',
  'read-only',
  'look-ups fail',
  'look-ups hang',
] as const

const endings: Readonly<Record<Fault, readonly Ending[]>> = {
  move: [undefined],
  freeze: ['heal', 'move'],
  kill: [undefined],
  crash: [undefined],
  restart: [undefined],
  refuse: ['heal', 'move'],
  'slow connects': ['heal'],
  'accept and never answer': ['break', 'leave', 'move'],
  'half-open': ['heal', 'break', 'leave', 'move'],
  reset: [undefined],
  TLS: [undefined],
  'wrong password': ['heal'],
  'no connection left': ['heal', 'move'],
  'disk full': ['heal'],
  'read-only': ['heal', 'move'],
  'look-ups fail': ['heal'],
  'look-ups hang': ['heal'],
}

const all = faults.flatMap((fault) => endings[fault].map((ending) => ({ fault, ending })))

const at = fc.oneof(
  { weight: 4, arbitrary: fc.constant('serving' as const) },
  { weight: 1, arbitrary: fc.constant('next' as const) },
)
const times = fc.noBias(
  fc.record({ at, ms: fc.integer({ min: 300, max: 3_000 }), calmMs: fc.integer({ min: 0, max: 1_500 }) }),
)

/** So many times through all faults: more than anybody waits for. */
const ROUNDS = 500

/** The faults that a seed stands for, one after the other; every fault comes once with each ending before one comes again. */
export function planOf(seed: number): readonly Step[] {
  const shuffled = fc.shuffledSubarray(all, { minLength: all.length })
  const order = fc.sample(shuffled, { seed, numRuns: ROUNDS }).flat()
  const lasting = fc.sample(times, { seed, numRuns: order.length })
  return order.map((step, index) => {
    const { at, ms, calmMs } = lasting[index] ?? { at: 'serving', ms: 1_000, calmMs: 0 }
    return { ...step, at, ms, calmMs }
  })
}

/** A step in words. */
export function describeStep({ fault, ending, at, ms }: Step): string {
  if (ending === undefined) return fault
  return `${fault}${at === 'next' ? ', on the server that the name moves to' : ''}, for ${ms} ms, then ${ending}`
}
