import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, vi } from 'vitest'
import { behaviour } from './behaviour.ts'
import type { Client } from './subject.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

// Each flush of a PostgreSQL client costs a SCRAM handshake or two.
vi.setConfig({ testTimeout: 300_000 })

async function flushed(client: Client, times: number): Promise<{ heapMb: number; listeners: unknown }> {
  for (let n = 0; n < times; n++) {
    await client.value('select 1')
    await client.$flush()
  }
  // Twice: what a first collection lets go of may hold more.
  collectGarbage()
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  return {
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
    listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  }
}

behaviour('growth', (stage) => {
  stage.test('1,000 flushes leave no listener, no heap and no warning behind', async () => {
    const { url } = await stage.database({ watched: false })
    const client = stage.open({ url: () => url, max: 2 })
    const warnings: Error[] = []
    const warn = (warning: Error) => warnings.push(warning)
    process.on('warning', warn)
    // V8 and the client's own caches settle over the first hundreds, then nothing may grow.
    const before = await flushed(client, 400)
    const after = await flushed(client, 1_000)
    process.off('warning', warn)
    expect(after.listeners).toEqual(before.listeners)
    // A generation that is not let go of weighs some tens of kilobytes; 1,000 of them would be many megabytes.
    expect(after.heapMb - before.heapMb).toBeLessThan(1)
    expect(warnings).toEqual([])
    expect(client.$flusher.stats()).toMatchObject({ generation: 1_401, retiring: [], leases: 0 })
  })
})
