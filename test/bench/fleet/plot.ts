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

interface Palette {
  readonly paper: string
  readonly ink: string
  readonly pale: string
  readonly grid: string
  readonly bars: string
  readonly line: string
  readonly mark: string
}

const light: Palette = {
  paper: '#ffffff',
  ink: '#1f2328',
  pale: '#59636e',
  grid: '#d8dee4',
  bars: '#0969da',
  line: '#1a7f37',
  mark: '#bc4c00',
}

const dark: Palette = {
  paper: '#0d1117',
  ink: '#f0f6fc',
  pale: '#9198a1',
  grid: '#30363d',
  bars: '#58a6ff',
  line: '#3fb950',
  mark: '#f0883e',
}

const colours = ({ paper, ink, pale, grid, bars, line, mark }: Palette): string =>
  [
    `.paper{fill:${paper}}`,
    `text{fill:${pale}}`,
    `.title{fill:${ink}}`,
    `.grid{stroke:${grid}}`,
    `.bars,.value{fill:${bars}}`,
    `.value{stroke:${paper}}`,
    `.line{stroke:${line}}`,
    `.mark{stroke:${mark}}`,
    `.moment{fill:${mark}}`,
  ].join('')

/** Follows the reader's own preference; the background too, since a page may be of the other kind. */
const style = [
  "text{font:12px system-ui,-apple-system,'Segoe UI','Liberation Sans',Arial,sans-serif}",
  '.title{font-size:15px;font-weight:600}',
  // With a rim of paper, so that lines do not cross it.
  '.value{font-weight:600;paint-order:stroke;stroke-width:4;stroke-linejoin:round}',
  '.end{text-anchor:end}',
  '.middle{text-anchor:middle}',
  '.line{fill:none;stroke-width:2.5;stroke-linejoin:round}',
  '.mark{stroke-dasharray:4 3}',
  colours(light),
  `@media (prefers-color-scheme:dark){${colours(dark)}}`,
].join('\n')

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
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title caption">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="caption">${escaped(`${caption}. Peak: ${counted(highest)} connects per second.`)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="6"/>`,
    text(14, 25, title, 'title'),
    text(14, 44, caption),
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
    '</svg>',
    '',
  ].join('\n')

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

function text(x: number, y: number, content: string, kind?: string): string {
  const attribute = kind === undefined ? '' : ` class="${kind}"`
  return `<text${attribute} x="${round(x)}" y="${round(y)}">${escaped(content)}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** 10000 as people read it. */
export function counted(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
