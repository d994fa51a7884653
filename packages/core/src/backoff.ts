import { aFunction, milliseconds, type Rule, verifyValue, wholeNumber } from './rule.ts'

const time: Rule = milliseconds(0)
const count: Rule = wholeNumber(1)

/**
 * How long to wait before the next try, in milliseconds: doubled with each failure in a row, shortened at random by up to
 * a half.
 *
 * @throws TypeError or RangeError for a wrong argument.
 */
export function backoff(failures: number, firstMs: number, longestMs: number, random: () => number): number {
  verifyValue('failures', failures, count)
  verifyValue('firstMs', firstMs, time)
  verifyValue('longestMs', longestMs, time)
  verifyValue('random', random, aFunction)
  return Math.min(firstMs * 2 ** (failures - 1), longestMs) * (1 - random() / 2)
}
