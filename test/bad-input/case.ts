import type fc from 'fast-check'
import type { Entry } from './entries.ts'

/** Calls something with what it cannot take. */
export interface Case {
  /** What is called: a function that a package exports, or a method of a handle. */
  readonly of: Entry
  /** How, where it has more than one argument. */
  readonly how?: string
  readonly call: (...given: never[]) => unknown
  readonly given: readonly fc.Arbitrary<unknown>[]
  /** It takes whatever comes, and must not fail. */
  readonly total?: true
}

/** A case, in one line. */
export function of(
  entry: Entry,
  how: string,
  call: (...given: never[]) => unknown,
  ...given: readonly fc.Arbitrary<unknown>[]
): Case {
  return { of: entry, how, call, given }
}

/** A case of a function that takes whatever comes. */
export function total(
  entry: Entry,
  call: (...given: never[]) => unknown,
  ...given: readonly fc.Arbitrary<unknown>[]
): Case {
  return { of: entry, how: '(anything)', call, given, total: true }
}
