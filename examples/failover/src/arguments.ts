import { parseArgs } from 'node:util'

/** What the demo was asked to do. */
export interface Arguments {
  readonly seconds: number
  readonly interval: number
  readonly deadline: number
  readonly rate: number
}

export const help = `Two PostgreSQL servers, one name, steady load: what happens when the name moves, and when the old server freezes.

  --seconds N    how long the load runs (default 24, at least 8)
  --interval N   milliseconds between flushes of the wrapped clients (default 2000)
  --deadline N   milliseconds that a flush waits for work on the old client (default 3000)
  --rate N       queries per second and client (default 50)
  --help         this text
`

const defaults: Arguments = { seconds: 24, interval: 2_000, deadline: 3_000, rate: 50 }
const ranges: Readonly<Record<keyof Arguments, readonly [number, number]>> = {
  seconds: [8, 3_600],
  interval: [1, 600_000],
  deadline: [1, 600_000],
  rate: [1, 2_000],
}

/** Reads the command line; undefined if it asks for help. Throws one clear error for anything else that is off. */
export function readArguments(line: string[]): Arguments | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: line[0] === '--' ? line.slice(1) : line,
    options: { seconds: text, interval: text, deadline: text, rate: text, help: { type: 'boolean' } },
  })
  if (values.help) return undefined
  const number = (key: keyof Arguments): number => {
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
  }
}
