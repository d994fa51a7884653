import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../examples/failover/', import.meta.url))

/** The demo as `pnpm demo` runs it. */
export interface RunningDemo extends AsyncDisposable {
  /** Of its page, as it printed it. */
  readonly address: string
  /** What it printed so far. */
  readonly output: () => string
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>
  interrupt(): void
}

/** Starts it; resolves once it has printed its address. */
export async function startDemo(...flags: string[]): Promise<RunningDemo> {
  const child = spawn(process.execPath, ['dist/main.js', ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit').then(([code]): number | null => code)
  let output = ''
  const address = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      output += chunk
      const [, printed] = /(http:\/\/\S+)\n/.exec(output) ?? []
      if (printed !== undefined) resolve(printed)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    ended.then((code) => reject(new Error(`the demo ended with ${code}:\n${output}`)))
  })
  return {
    address,
    output: () => output,
    ended,
    interrupt: () => void child.kill('SIGINT'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
