import type { Clock } from '../src/clock.ts'
import { main } from '../src/main.ts'
import type { Records } from '../src/records.ts'

export interface Visit {
  readonly env?: NodeJS.ProcessEnv
  readonly records?: Records
  /** What happens between two looks; `count` says between which, from 1. Returning `'stop'` ends a watch. */
  readonly meanwhile?: (count: number) => unknown
}

export interface Visited {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the command in this process, where names can be moved. Its pauses pass at once. */
export async function visit(args: readonly string[], { env = {}, records, meanwhile }: Visit = {}): Promise<Visited> {
  let now = Date.UTC(2026, 0, 1)
  let pauses = 0
  const stop = new AbortController()
  const clock: Clock = {
    now: () => now,
    async pause(ms) {
      now += ms
      pauses += 1
      if ((await meanwhile?.(pauses)) === 'stop') stop.abort()
    },
  }
  const written = { out: '', err: '' }
  const stdout = { write: (text: string) => (written.out += text) }
  const stderr = { write: (text: string) => (written.err += text) }
  const code = await main(args, { env, stdout, stderr, clock, stop: stop.signal, ...(records && { records }) })
  return { code, ...written }
}

/** The lines of a report that begin with that label, without it. */
export function lines(report: string, label: string): string[] {
  return report
    .split('\n')
    .filter((line) => line.startsWith(label))
    .map((line) => line.slice(10))
}
