const begin = '<!-- benches: written by `pnpm bench all`; a test compares it with what that last measured -->'
const end = '<!-- end of benches -->'

/** What stands between the marks; throws where there are none. */
export function block(text: string): string {
  const [from, to] = marks(text)
  return text.slice(from, to).trim()
}

/** The text with something else between the marks. */
export function withBlock(text: string, content: string): string {
  const [from, to] = marks(text)
  return `${text.slice(0, from)}\n\n${content.trim()}\n\n${text.slice(to)}`
}

function marks(text: string): readonly [from: number, to: number] {
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`Expected ${begin} and then ${end}`)
  return [from + begin.length, to]
}
