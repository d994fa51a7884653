import { picture, round, text } from '../svg.ts'

/** A median within its interval. */
export interface Whisker {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface Whiskers {
  readonly title: string
  readonly caption: string
  readonly rows: readonly { readonly name: string; readonly ours: Whisker; readonly control: Whisker | undefined }[]
  readonly goal: number
}

const width = 580
const left = 240
const right = width - 24
const top = 70
const rowHeight = 20
const step = 0.05

/** An SVG that stands on its own: medians and intervals around 1, ours above the control, and a line at the goal. */
export function drawnWhiskers({ title, caption, rows, goal }: Whiskers): string {
  const all = rows.flatMap(({ ours, control }) => (control === undefined ? [ours] : [ours, control]))
  const from = Math.min(1 - step, Math.floor(Math.min(goal, ...all.map(({ low }) => low)) / step) * step)
  const to = Math.max(1 + step, Math.ceil(Math.max(...all.map(({ high }) => high)) / step) * step)
  const x = (value: number): number => left + ((value - from) / (to - from)) * (right - left)
  const bottom = top + rows.length * rowHeight
  // Ten steps at most, however far apart the ends are.
  const every = step * Math.ceil((to - from) / step / 10)
  const ticks = Array.from({ length: Math.floor((to - from) / every + 1e-9) + 1 }, (_, index) => from + index * every)
  const content = [
    ...ticks.flatMap((tick) => [
      `<line class="grid" x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${top - 4}" y2="${bottom}"/>`,
      text(x(tick), bottom + 17, tick.toFixed(2), 'middle'),
    ]),
    `<line class="mark" x1="${round(x(goal))}" x2="${round(x(goal))}" y1="${top - 4}" y2="${bottom}"/>`,
    text(x(goal) + 4, top - 8, `goal ${goal}`, 'moment'),
    ...rows.flatMap(({ name, ours, control }, index) => {
      const y = top + index * rowHeight + rowHeight / 2
      return [
        text(left - 10, y + 4, name, 'end'),
        ...(control === undefined ? [] : [whisker(control, y + 4, 0.35)]),
        whisker(ours, y - 2, 1),
      ]
    }),
    text((left + right) / 2, bottom + 34, 'queries per second, as a share of the bare client’s', 'middle'),
  ]
  const told = rows.map(({ name, ours }) => `${name}: ${ours.median} (${ours.low} to ${ours.high})`)
  return picture(
    { title, caption, description: `${caption}. ${told.join('; ')}.`, width, height: bottom + 46 },
    content,
  )

  function whisker({ median, low, high }: Whisker, y: number, opacity: number): string {
    return [
      `<g opacity="${opacity}">`,
      `<line class="line" x1="${round(x(low))}" x2="${round(x(high))}" y1="${y}" y2="${y}"/>`,
      `<circle class="bars" cx="${round(x(median))}" cy="${y}" r="3.5"/>`,
      '</g>',
    ].join('')
  }
}
