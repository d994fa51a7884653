import { parseArgs } from 'node:util'
import { type ConnectionString, readConnectionString } from './connection-string.ts'
import { UsageError } from './errors.ts'

/** How to look at a database. */
export interface Look {
  readonly kind: 'examine' | 'watch'
  readonly to: ConnectionString
  readonly json: boolean
  /** Undefined: until Ctrl-C. */
  readonly forMs: number | undefined
  readonly everyMs: number
  readonly patienceMs: number
}

/** What was asked for. */
export type Command = { readonly kind: 'help' } | { readonly kind: 'version' } | Look

export const help = `Usage: npx @periodic-flush/doctor [options] <connection string>

Looks at your database's name and server, and says whether you need periodic-flush at all.

  <connection string>  postgres://… or mysql://…; without one, that in DATABASE_URL, which
                       other users of the machine cannot see
  --watch              follow a planned switch-over, and print what happens when, until Ctrl-C
  --for <seconds>      how long to look (default: 10; with --watch: until Ctrl-C)
  --every <seconds>    time between two looks (default: 1; with --watch: 0.5)
  --timeout <seconds>  how long to wait for each answer (default: 5)
  --json               print JSON; with --watch one object a line
  --help, --version

It reads only, opens at most two connections at a time, and prints no password.

Exit codes: 0  it could tell, whatever it told
            1  it could not tell: no server was reached, or none let it in
            2  it was used wrongly
`

const options = {
  watch: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  for: { type: 'string' },
  every: { type: 'string' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const

/** Reads the command line. @throws UsageError, whose message quotes no part of what could be a secret. */
export function readCommand(args: readonly string[], env: NodeJS.ProcessEnv): Command {
  const { values, positionals } = parsed(args)
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  if (positionals.length > 1) throw new UsageError('Expected one connection string, and options after it or before it')
  const text = positionals[0] ?? env['DATABASE_URL']
  if (text === undefined || text === '') throw new UsageError('Expected a connection string, or one in DATABASE_URL')
  const forMs = milliseconds('--for', values.for)
  const everyMs = milliseconds('--every', values.every)
  const patienceMs = milliseconds('--timeout', values.timeout) ?? 5_000
  return {
    kind: values.watch ? 'watch' : 'examine',
    to: readConnectionString(text),
    json: values.json,
    forMs: forMs ?? (values.watch ? undefined : 10_000),
    everyMs: everyMs ?? (values.watch ? 500 : 1_000),
    patienceMs,
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    const message = error instanceof Error ? (error.message.split(/\.\s/)[0] ?? '') : ''
    throw new UsageError(/:\/\/|@/.test(message) ? 'Unknown option' : message)
  }
}

function milliseconds(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const seconds = Number(given)
  if (given.trim() !== '' && seconds >= 0.1 && seconds <= 86_400) return seconds * 1000
  throw new UsageError(`Expected \`${option}\` to be a number of seconds from 0.1 to 86400`)
}
