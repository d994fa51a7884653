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
  const table = [...rows.sort((a, b) => a.name.localeCompare(b.name)), all]
  return `# Mutants of core that its tests notice

Written by \`pnpm test:mutants\` on ${date.toISOString().slice(0, 10)}.

| file | mutants | noticed | |
| --- | ---: | ---: | ---: |
${table.map(row).join('\n')}
`
}

function row({ name, noticed, unnoticed }) {
  const mutants = noticed + unnoticed
  return `| ${name} | ${mutants} | ${noticed} | ${((100 * noticed) / Math.max(1, mutants)).toFixed(1)} % |`
}
