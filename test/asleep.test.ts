import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { failoverPair } from '@periodic-flush/testing'
import { describe, expect, test } from 'vitest'
import { eventually } from './conformance/eventually.ts'

const program = fileURLToPath(new URL('programs/asleep.mjs', import.meta.url))

/** Longer than the interval, or the age, by more than a timer is ever late. */
const ASLEEP_MS = 3_000

describe.each(['pg', 'postgres'])('a process on %s that was suspended', (client) => {
  test.each([
    ['for longer than the interval', { intervalMs: 1_500, jitter: 0 }, 'woke up'],
    ['with no timer at all', { intervalMs: false, maxAgeMs: 1_500 }, 'max-age'],
  ])('%s flushes before it asks: its old server is gone', async (_, options, reason) => {
    await using pair = await failoverPair()
    const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const
    const child = fork(program, [client, pair.url(), JSON.stringify(options)], { stdio: [...stdio] })
    let output = ''
    child.stdout?.on('data', (chunk) => (output += chunk))
    const ended = once(child, 'close')
    try {
      await eventually(
        () => output,
        (text) => text === '127.0.0.1\n',
      )
      child.send('sleep')
      await eventually(
        async () => (await promisify(execFile)('ps', ['-o', 'state=', '-p', String(child.pid)])).stdout,
        (state) => state.startsWith('T'),
      )
      await pair.blue.freeze()
      // The sleep is what is tested: nothing in the child runs meanwhile.
      await sleep(ASLEEP_MS)
      child.kill('SIGCONT')
      expect((await ended)[0]).toBe(0)
    } finally {
      child.kill('SIGKILL')
    }
    const [, told = ''] = output.split('\n')
    expect(JSON.parse(told)).toEqual({ addresses: ['127.0.0.2', '127.0.0.2', '127.0.0.2'], reasons: [reason] })
  })
})
