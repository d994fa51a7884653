/** What every picture has. */
export interface Frame {
  readonly title: string
  readonly caption: string
  /** For those who do not see it. */
  readonly description: string
  readonly width: number
  readonly height: number
}

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

/** An SVG that stands on its own: title, caption and whatever is drawn below. */
export function picture({ title, caption, description, width, height }: Frame, content: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title caption">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="caption">${escaped(description)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="6"/>`,
    text(14, 25, title, 'title'),
    text(14, 44, caption),
    ...content,
    '</svg>',
    '',
  ].join('\n')
}

export function text(x: number, y: number, content: string, kind?: string): string {
  const attribute = kind === undefined ? '' : ` class="${kind}"`
  return `<text${attribute} x="${round(x)}" y="${round(y)}">${escaped(content)}</text>`
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** 10000 as people read it. */
export function counted(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
