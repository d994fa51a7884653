/** Columns as wide as what is in them, as Prettier leaves them; after so many, numbers stand to the right. */
export function table(words: number, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, at) => Math.max(3, name.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, at) => (at < words ? row[at]?.padEnd(width) : row[at]?.padStart(width))).join(' | ')} |`
  const rule = widths.map((width, at) => (at < words ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(header), line(rule), ...rows.map(line)].join('\n')
}
