import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** How one behaviour went with one client. */
type Mark = '✓' | '✗' | '–'

/** How the annotation is called by which a test says that its client may have more connections than the limit + 1. */
export const peakNote = 'peak'

/** Prints, after a run, which client shows which behaviour, and the reason beside everything that does not apply. */
export class Matrix implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = new Map<string, Map<string, Mark>>()
    const clients = new Set<string>()
    const notes = new Set<string>()
    for (const { module, test } of conformance(modules)) {
      const [client, behaviour] = split(test)
      const row = `${behaviour}: ${test.name}`
      const result = test.result()
      clients.add(client)
      rows.set(row, (rows.get(row) ?? new Map()).set(client, markOf(result.state)))
      if (result.state === 'skipped')
        notes.add(`–  ${client}: ${row}: ${result.note ?? `skipped in ${module.moduleId}`}`)
      for (const { type, message } of test.annotations()) {
        if (type === peakNote) notes.add(`2× ${client}: ${message}`)
      }
    }
    if (rows.size > 0) process.stdout.write(`${table([...clients].sort(), rows)}\n${[...notes].sort().join('\n')}\n`)
  }
}

function* conformance(modules: readonly TestModule[]): Generator<{ module: TestModule; test: TestCase }> {
  for (const module of modules) {
    if (!module.moduleId.includes('/test/conformance/')) continue
    for (const test of module.children.allTests()) {
      if (test.parent.type === 'suite') yield { module, test }
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
