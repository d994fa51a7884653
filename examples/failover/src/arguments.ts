import { parseArgs } from 'node:util'

/** What the demo was asked to do. */
export interface Arguments {
  readonly seconds: number
  readonly interval: number
  readonly deadline: number
  readonly rate: number
  /** The page's port; 0 for a free one. */
  readonly port: number
  /** Whether the page's buttons are in charge instead of the script. */
  readonly page: boolean
}

export const help = `Two PostgreSQL servers, one name, steady load: what happens when the name moves, and when the old server freezes.

A page at the address printed first shows it live, on this machine only.

  --page         hand the buttons of the page to you: move, freeze, thaw, kill, flush; runs until Ctrl-C
  --port N       the page's port, 1024 to 65535 (default 0: a free one)
  --seconds N    how long the load runs (default 24, at least 8); not with --page
  --interval N   milliseconds between flushes of the wrapped clients (default 2000)
  --deadline N   milliseconds that a flush waits for work on the old client (default 3000)
  --rate N       queries per second and client (default 50)
  --help         this text
`

type Figure = Exclude<keyof Arguments, 'page'>

const defaults: Readonly<Record<Figure, number>> = { seconds: 24, interval: 2_000, deadline: 3_000, rate: 50, port: 0 }
const ranges: Readonly<Record<Figure, readonly [number, number]>> = {
  seconds: [8, 3_600],
  interval: [1, 600_000],
  deadline: [1, 600_000],
  rate: [1, 2_000],
  port: [1_024, 65_535],
}

/** Reads the command line; undefined if it asks for help. Throws one clear error for anything else that is off. */
export function readArguments(line: string[]): Arguments | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const { values } = parseArgs({
    args: line[0] === '--' ? line.slice(1) : line,
    options: { seconds: text, interval: text, deadline: text, rate: text, port: text, page: flag, help: flag },
  })
  if (values.help) return undefined
  if (values.page && values.seconds !== undefined) {
    throw new TypeError('Expected either --page, which runs until Ctrl-C, or --seconds, got both')
  }
  const number = (key: Figure): number => {
    const value = values[key]
    if (value === undefined) return defaults[key]
    const [from, to] = ranges[key]
    const parsed = Number(value)
    if (value.trim() !== '' && parsed >= from && parsed <= to) return parsed
    throw new RangeError(`Expected --${key} to be a number from ${from} to ${to}, got '${value}'`)
  }
  return {
    seconds: number('seconds'),
    interval: number('interval'),
    deadline: number('deadline'),
    rate: number('rate'),
    port: Math.trunc(number('port')),
    page: values.page ?? false,
  }
}
