import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, vi } from 'vitest'
import { behaviour } from './behaviour.ts'
import type { Client } from './subject.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

// Each flush of a PostgreSQL client costs a SCRAM handshake or two.
vi.setConfig({ testTimeout: 300_000 })

interface Look {
  readonly heapMb: number
  readonly listeners: unknown
}

/** What the process holds once `client` was used and flushed that many times. */
async function flushed(client: Client, times: number): Promise<Look> {
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
    const looks = [await flushed(client, 400)]
    while (looks.length < 6) looks.push(await flushed(client, 200))
    process.off('warning', warn)
    expect(looks.at(-1)?.listeners).toEqual(looks[0]?.listeners)
    // V8 and the client's own caches settle in steps of up to a megabyte, up or down, at any time; what a flush leaves
    // behind adds up between all looks. A generation that is not let go of weighs some tens of kilobytes: 200 of them
    // are megabytes.
    const growths = looks.slice(1).map((look, n) => look.heapMb - (looks[n]?.heapMb ?? 0))
    expect(growths.sort((a, b) => a - b)[2]).toBeLessThan(0.25)
    expect(warnings).toEqual([])
    expect(client.$flusher.stats()).toMatchObject({ generation: 1_401, retiring: [], leases: 0 })
  })
})
