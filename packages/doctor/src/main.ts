import { readFile } from 'node:fs/promises'
import type { Clock } from './clock.ts'
import { type Command, help, type Look, readCommand } from './command.ts'
import { UsageError } from './errors.ts'
import { examine } from './examine.ts'
import { printableData } from './printable.ts'
import { type Output, Progress } from './progress.ts'
import { recommend } from './recommendation.ts'
import type { Records } from './records.ts'
import { adviceOf, reportOf } from './report.ts'
import { type Happening, lineOf, outcomeOf } from './timeline.ts'
import { watch } from './watch.ts'

/** All that the command touches outside the database. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  /** The answer. */
  readonly stdout: Output
  /** Progress and errors. */
  readonly stderr: Output
  readonly clock: Clock
  /** Ends `--watch`. */
  readonly stop: AbortSignal
  readonly records?: Records
}

/** Runs the command and resolves with its exit code, as `--help` documents them. */
export async function main(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, env } = surroundings
  let command: Command
  try {
    command = readCommand(args, env)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    stderr.write(`${error.message}. See --help.\n`)
    return 2
  }
  switch (command.kind) {
    case 'help':
      stdout.write(help)
      return 0
    case 'version':
      stdout.write(`${await version()}
`)
      return 0
    case 'examine':
      return await runExamine(command, surroundings)
    case 'watch':
      return await runWatch(command, surroundings)
  }
}

async function runExamine(
  { to, json, forMs = 0, everyMs, patienceMs }: Look,
  surroundings: Surroundings,
): Promise<number> {
  const { stdout, stderr, clock, records } = surroundings
  const progress = new Progress(stderr)
  const findings = printableData(
    await examine(to, {
      forMs,
      everyMs,
      patienceMs,
      clock,
      ...(records && { records }),
      onStep: (step) => progress.step(step),
    }),
  )
  progress.end()
  const recommendation = recommend(findings)
  if (json) stdout.write(`${JSON.stringify({ ...findings, recommendation }, undefined, 2)}\n`)
  else stdout.write(reportOf(findings, recommendation, emphasis(surroundings)))
  return recommendation.verdict === 'unknown' ? 1 : 0
}

async function runWatch({ to, json, forMs, everyMs, patienceMs }: Look, surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, clock, stop } = surroundings
  stderr.write(`Watching ${to.label}${forMs === undefined ? '; Ctrl-C ends it' : ''}.\n`)
  const happenings: Happening[] = []
  const at = () => new Date(clock.now()).toISOString()
  const endMs = await watch(to, {
    forMs,
    everyMs,
    patienceMs,
    clock,
    stop,
    onHappening(happened) {
      const happening = printableData(happened)
      happenings.push(happening)
      const passed = `${(happening.atMs / 1000).toFixed(1)} s`.padStart(8)
      if (json) stdout.write(`${JSON.stringify({ at: at(), ...happening })}\n`)
      else stdout.write(`${at().slice(11, 23)} ${passed}  ${lineOf(happening)}\n`)
    },
  })
  const outcome = outcomeOf(happenings, endMs)
  if (json) stdout.write(`${JSON.stringify({ at: at(), atMs: endMs, what: 'outcome', outcome })}\n`)
  else stdout.write(`\n${adviceOf(outcome, emphasis(surroundings))}`)
  const reached = happenings.some((each) => each.what === 'fresh' && 'address' in each.serving)
  return reached ? 0 : 1
}

function emphasis({ stdout, env }: Surroundings): (text: string) => string {
  const colours = stdout.isTTY === true && !env['NO_COLOR']
  return colours ? (text) => `\u001B[1m${text}\u001B[22m` : (text) => text
}

async function version(): Promise<string> {
  const manifest: { version: string } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
