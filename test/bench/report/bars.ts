import { picture, round, text } from '../svg.ts'

/** One bar: `undefined` has no end. */
export interface Bar {
  readonly label: string
  readonly value: number | undefined
  readonly ours: boolean
}

export interface Bars {
  readonly title: string
  readonly caption: string
  readonly groups: readonly { readonly name: string; readonly bars: readonly Bar[] }[]
  readonly unit: string
  /** What is longer is cut off there, and drawn as a bar without an end. */
  readonly longest: number
  /** What stands at a bar without an end. */
  readonly endless: string
}

const width = 560
const left = 190
const right = width - 80
const top = 64
const barHeight = 15
const groupHead = 26

/** An SVG that stands on its own: bars from left to right, ours in full colour. */
export function drawnBars({ title, caption, groups, unit, longest, endless }: Bars): string {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value ?? 0))
  const most = Math.min(longest, Math.max(...values, 1))
  const content: string[] = []
  const told: string[] = []
  let y = top
  for (const { name, bars } of groups) {
    content.push(text(14, y + 14, name, 'title'))
    y += groupHead
    for (const { label, value, ours } of bars) {
      const ends = value !== undefined && value <= longest
      const end = ends ? left + (value / most) * (right - left) : right
      const shown = value === undefined ? endless : `${value} ${unit}`
      const kind = ends ? 'bars' : 'moment'
      content.push(
        text(left - 8, y + 11, label, ours ? 'end value' : 'end'),
        `<rect class="${kind}"${ours ? '' : ' opacity="0.45"'} x="${left}" y="${y}" width="${round(Math.max(1, end - left))}" height="${barHeight - 4}"/>`,
        text(end + 6, y + 11, shown, ends ? (ours ? 'value' : undefined) : 'moment'),
      )
      told.push(`${name}, ${label}: ${shown}`)
      y += barHeight
    }
    y += 8
  }
  const description = `${caption}. ${told.join('; ')}.`
  return picture({ title, caption, description, width, height: y + 6 }, content)
}
