import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** How one behaviour went with one client. */
type Mark = '✓' | '✗' | '–'

/** How the annotation is called by which a test says what an eager client does about its connections. */
export const eagerNote = 'eager'

/** Prints, after a run, which client shows which behaviour, and the reason beside everything that does not apply. */
export class Matrix implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = new Map<string, Map<string, Mark>>()
    const clients = new Set<string>()
    const notes = new Set<string>()
    for (const test of conformance(modules)) {
      const [client, behaviour] = split(test)
      const row = `${behaviour}: ${test.name}`
      const result = test.result()
      clients.add(client)
      // Without a reason it was not asked for in this run.
      if (result.state === 'skipped' && result.note === undefined) continue
      rows.set(row, (rows.get(row) ?? new Map()).set(client, markOf(result.state)))
      if (result.state === 'skipped') notes.add(`–  ${client}: ${row}: ${result.note}`)
      for (const { type, message } of test.annotations()) {
        if (type === eagerNote) notes.add(`!  ${client}: ${message}`)
      }
    }
    if (rows.size > 0) process.stdout.write(`${table([...clients].sort(), rows)}\n${[...notes].sort().join('\n')}\n`)
  }
}

function* conformance(modules: readonly TestModule[]): Generator<TestCase> {
  for (const module of modules) {
    if (!module.moduleId.includes('/test/conformance/')) continue
    for (const test of module.children.allTests()) {
      if (test.parent.type === 'suite') yield test
    }
  }
}

/** A behaviour's suite is called `client: behaviour`. */
function split(test: TestCase): [client: string, behaviour: string] {
  const suite = test.parent.type === 'suite' ? test.parent.name : ''
  const at = suite.lastIndexOf(': ')
  return [suite.slice(0, at), suite.slice(at + 2)]
}

function markOf(state: ReturnType<TestCase['result']>['state']): Mark {
  if (state === 'passed') return '✓'
  return state === 'skipped' ? '–' : '✗'
}

function table(clients: readonly string[], rows: ReadonlyMap<string, ReadonlyMap<string, Mark>>): string {
  const widths = clients.map((_, index) => String(index + 1).length)
  const line = (cells: readonly string[], row: string) =>
    `${cells.map((cell, index) => cell.padStart(widths[index] ?? 1)).join(' ')}  ${row}`
  return [
    '\nBehaviours × clients',
    ...clients.map((client, index) => `  ${String(index + 1).padStart(2)} ${client}`),
    '',
    line(
      clients.map((_, index) => String(index + 1)),
      '',
    ),
    ...[...rows]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([row, marks]) =>
        line(
          clients.map((client) => marks.get(client) ?? ' '),
          row,
        ),
      ),
    '',
  ].join('\n')
}
