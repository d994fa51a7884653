import { fork } from 'node:child_process'
import type { Findings } from './record.ts'

/**
 * What a process of its own finds: it sends that, and exits. Rejects with what it died of, or that it took too long; the
 * cause is the end of what it wrote to its standard error.
 */
export async function found(module: string, args: readonly string[], limitMs: number): Promise<Findings> {
  const child = fork(module, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout: limitMs })
  let findings: Findings | undefined
  let complaint = ''
  child.on('message', (message) => {
    findings = message as Findings
  })
  child.stderr?.on('data', (chunk) => {
    complaint = `${complaint}${chunk}`.slice(-20_000)
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...how) => resolve(how)),
  )
  if (findings !== undefined && code === 0) return findings
  const cause = complaint
  if (child.killed) throw new Error(`the process was still running after ${limitMs / 1_000} s`, { cause })
  // The line that says what was thrown, without the places where.
  const [thrown = signal ?? `code ${code}`] = /^(?:\w*Error|error)(?: \[\w+\])?: .*$/m.exec(complaint) ?? []
  throw new Error(`the process ended: ${thrown}`, { cause })
}
