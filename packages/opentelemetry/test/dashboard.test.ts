import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { dashboardText, panels } from './shipped.ts'

/** Grafana's types have enums, where a file has their values. */
const typed = (dashboard: string): string => `
import type { Dashboard, Panel } from '@grafana/schema'
import type { FieldConfig, Options } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'

type Plain<T> = T extends string
  ? \`\${T}\`
  : T extends number
    ? (\`\${T}\` extends \`\${infer N extends number}\` ? N : never)
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T
type Custom = Pick<FieldConfig, 'fillOpacity' | 'stacking'>
type TimeSeries = Omit<Panel<Options, Custom>, 'id' | 'title' | 'options' | 'fieldConfig'> & {
  id: number
  title: string
  type: 'timeseries'
  options: Options
  fieldConfig: { defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'> & { custom: Custom }; overrides: [] }
}

export const dashboard = ${dashboard.trim()} satisfies Plain<Omit<Dashboard, 'panels'> & { title: string; uid: string; panels: TimeSeries[] }>
`

test('the dashboard is what Grafana’s own types ask for', async () => {
  const folder = new URL('generated/', import.meta.url)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const config = {
    extends: '../../../../tsconfig.base.json',
    compilerOptions: { composite: false, noEmit: true, types: [] },
    include: ['*.ts'],
  }
  await writeFile(new URL('tsconfig.json', folder), JSON.stringify(config))
  await writeFile(new URL('dashboard.ts', folder), typed(await dashboardText()))
  const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))
  const run = promisify(execFile)(process.execPath, [tsc, '-p', fileURLToPath(folder), '--pretty', 'false'])
  const output = await run.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  )
  expect(output).toBe('')
})

test('every panel asks the chosen data source, has a number of its own, and lies on the grid beside the others', async () => {
  const all = await panels()
  expect(all.length).toBeGreaterThan(5)
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  for (const { datasource, targets } of all) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own placeholder
    expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' })
    expect(targets.map(({ refId }) => refId)).toEqual(['A', 'B'].slice(0, targets.length))
  }
  const cells = all.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, cell) => [x + (cell % w), y + Math.floor(cell / w)] as const),
  )
  expect(Math.max(...cells.map(([column]) => column))).toBeLessThan(24)
  expect(new Set(cells.map(String)).size).toBe(cells.length)
})
