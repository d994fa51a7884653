/** The parts of the README that a bench writes. */
export type BlockName = 'benches' | 'fleet'

/** What stands between the marks of that name; throws where there are none. */
export function block(name: BlockName, text: string): string {
  const [from, to] = marks(name, text)
  return text.slice(from, to).trim()
}

/** The text with something else between those marks. */
export function withBlock(name: BlockName, text: string, content: string): string {
  const [from, to] = marks(name, text)
  return `${text.slice(0, from)}\n\n${content.trim()}\n\n${text.slice(to)}`
}

function marks(name: BlockName, text: string): readonly [from: number, to: number] {
  const [begin = ''] = new RegExp(`<!-- ${name}: .*?-->`, 's').exec(text) ?? []
  const end = `<!-- end of ${name} -->`
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (begin === '' || to < from) throw new Error(`Expected <!-- ${name}: … --> and then ${end}`)
  return [from + begin.length, to]
}
