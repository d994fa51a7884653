import { counted, picture, round, text } from '../svg.ts'

/** What one picture shows. */
export interface Plot {
  readonly title: string
  readonly caption: string
  /** Values of the upper panel, one for each second. */
  readonly perSecond: readonly number[]
  /** Values of the lower panel from 0 to 1, evenly spaced over the same time. */
  readonly share: readonly number[]
  /** A moment that both panels mark, in seconds. */
  readonly mark: { readonly second: number; readonly label: string }
  /** Where the upper panel has lines, from 0; a little above the last one it ends. */
  readonly ticks: readonly number[]
}

const width = 480
const height = 300
const left = 52
const right = width - 14
/** What the longest peak takes. */
const labelWidth = 90
const upper = { top: 74, bottom: 164 }
const lower = { top: 196, bottom: 256 }

/** An SVG that stands on its own: connects per second above, the share on the new address below. */
export function drawn({ title, caption, perSecond, share, mark, ticks }: Plot): string {
  const seconds = perSecond.length
  const top = Math.max(...ticks) * 1.05
  const x = (second: number): number => left + (second / seconds) * (right - left)
  const y = (value: number): number => upper.bottom - (Math.min(value, top) / top) * (upper.bottom - upper.top)
  const yShare = (value: number): number => lower.bottom - value * (lower.bottom - lower.top)
  const highest = Math.max(...perSecond)
  const at = perSecond.indexOf(highest)
  const before = x(at) - left > labelWidth
  const bars = perSecond.map((value, second) => rectangle(x(second), y(value), x(second + 1), upper.bottom)).join('')
  const line = share.map(
    (value, index) => `${round(x((index / (share.length - 1)) * seconds))},${round(yShare(value))}`,
  )
  const description = `${caption}. Peak: ${counted(highest)} connects per second.`
  return picture({ title, caption, description, width, height }, [
    text(left, upper.top - 8, 'connects per second'),
    ...ticks.flatMap((value) => [across(y(value)), text(left - 6, y(value) + 4, counted(value), 'end')]),
    `<path class="bars" d="${bars}"/>`,
    text(
      x(before ? at : at + 1) + (before ? -5 : 5),
      peakLabelAt(y(highest)),
      `peak ${counted(highest)}`,
      before ? 'value end' : 'value',
    ),
    text(left, lower.top - 8, 'share on the new address'),
    ...[0, 0.5, 1].flatMap((value) => [
      across(yShare(value)),
      text(left - 6, yShare(value) + 4, `${value * 100} %`, 'end'),
    ]),
    `<line class="mark" x1="${round(x(mark.second))}" x2="${round(x(mark.second))}" y1="${upper.top}" y2="${lower.bottom}"/>`,
    text(x(mark.second) - 5, lower.bottom - 6, mark.label, 'moment end'),
    `<polyline class="line" points="${line.join(' ')}"/>`,
    ...[0, 30, 60, 90, 120].map((second) => text(x(second), lower.bottom + 17, `${second}`, 'middle')),
    text((left + right) / 2, lower.bottom + 34, 'seconds since all processes started', 'middle'),
  ])

  function across(at: number): string {
    return `<line class="grid" x1="${left}" x2="${right}" y1="${round(at)}" y2="${round(at)}"/>`
  }
}

/** Above a low bar, beside a high one. */
function peakLabelAt(y: number): number {
  return Math.max(upper.top + 11, y - 6)
}

function rectangle(x1: number, y1: number, x2: number, y2: number): string {
  return y1 === y2 ? '' : `M${round(x1)} ${round(y1)}H${round(x2 - 0.5)}V${round(y2)}H${round(x1)}Z`
}
