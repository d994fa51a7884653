import { table } from './table.ts'

/** Rows of one kind as a table, their keys above it; the first column is of words. */
export function figures(rows: readonly object[]): string {
  const header = Object.keys(rows[0] ?? {})
  const shown = (value: unknown) => (typeof value === 'number' ? value.toLocaleString('en') : String(value ?? ''))
  return table(
    1,
    header,
    rows.map((row) => Object.values(row).map(shown)),
  )
}
