/** So much is told of what somebody else says. */
const LONGEST = 500

/**
 * Text that somebody else wrote, such as a server, fit for a terminal: one line, of a bounded length, without characters that
 * are not seen. Those could move the cursor, forge lines, turn the direction of writing, or stand for a name that is not it.
 */
export function printable(text: string): string {
  const line = text
    .slice(0, LONGEST)
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '\uFFFD')
  return text.length > LONGEST ? `${line}…` : line
}

/** The same for every text in plain data. */
export function printableData<Data>(data: Data): Data
export function printableData(data: unknown): unknown {
  if (typeof data === 'string') return printable(data)
  if (Array.isArray(data)) return data.map((each) => printableData(each))
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, printableData(value)]))
}
