import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { behaviour } from './behaviour.ts'

/** Runs a program to its own end; one that has to be stopped has failed. */
function run(program: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const path = fileURLToPath(new URL(`./programs/${program}.mjs`, import.meta.url))
    const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const stuck = setTimeout(() => child.kill('SIGKILL'), 20_000)
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(stuck)
      resolve({ code, output })
    })
  })
}

behaviour('exit', (stage) => {
  const program = stage.subject.name.replace('/', '-')

  stage.test('a program that wraps, queries and closes ends by itself', async () => {
    await expect(run(program, [stage.server.url(), 'closes'])).resolves.toEqual({ code: 0, output: 'served\n' })
  })

  stage.test('so does one that never closes, if its client would let it', async () => {
    await expect(run(program, [stage.server.url(), 'stays'])).resolves.toEqual({ code: 0, output: 'served\n' })
  })
})
