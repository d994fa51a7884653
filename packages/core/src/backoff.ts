/** How long to wait before the next try, in milliseconds: doubled with each failure in a row, halved at random. */
export function backoff(failures: number, firstMs: number, longestMs: number, random: () => number): number {
  return Math.min(firstMs * 2 ** (failures - 1), longestMs) * (1 - random() / 2)
}
