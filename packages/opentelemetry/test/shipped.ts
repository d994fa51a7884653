import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

const file = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

export interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
}

export interface Panel {
  readonly id: number
  readonly title: string
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets: readonly Target[]
}

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string }
}

export const readme = (): Promise<string> => file('README.md')
export const dashboardText = (): Promise<string> => file('dashboard.json')

export async function panels(): Promise<readonly Panel[]> {
  return JSON.parse(await dashboardText()).panels
}

/** The alerts of the README, as a file of rules. */
export async function rulesText(): Promise<string> {
  const [, text = ''] = /```yaml\n(groups:.*?)```/s.exec(await readme()) ?? []
  return text
}

export async function alerts(): Promise<readonly Alert[]> {
  return parse(await rulesText()).groups.flatMap(({ rules }: { rules: Alert[] }) => rules)
}

/** The labels that a text puts in: `{{label}}` in a legend, `{{ $labels.label }}` in an annotation. */
export function labelsIn(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label = '']) => label)
}
