const NOTICED = ['Killed', 'Timeout']
const UNNOTICED = ['Survived', 'NoCoverage']

/** How many of the mutants of each file the tests notice: `report` is Stryker's, as JSON. */
export function score({ files }, date) {
  const rows = Object.entries(files).map(([path, { mutants }]) => {
    const count = (statuses) => mutants.filter(({ status }) => statuses.includes(status)).length
    return { name: path.replace(/^src\//, ''), noticed: count(NOTICED), unnoticed: count(UNNOTICED) }
  })
  const sum = (of) => rows.reduce((total, row) => total + row[of], 0)
  const all = { name: 'all of these', noticed: sum('noticed'), unnoticed: sum('unnoticed') }
  const sorted = [...rows.sort((a, b) => a.name.localeCompare(b.name)), all]
  return `# Mutants of core that its tests notice

Written by \`pnpm test:mutants\` on ${date.toISOString().slice(0, 10)}.

${table([['file', 'mutants', 'noticed', 'score'], ...sorted.map(cells)])}
`
}

function cells({ name, noticed, unnoticed }) {
  const mutants = noticed + unnoticed
  return [name, `${mutants}`, `${noticed}`, `${((100 * noticed) / Math.max(1, mutants)).toFixed(1)} %`]
}

/** In columns as wide as what stands in them, the figures to the right. */
function table([head, ...rows]) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)))
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(' | ')} |`
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
