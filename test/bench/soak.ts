import { readdirSync } from 'node:fs'
import { benchable, startServer } from './server.ts'

const FLUSHES = 10_000

interface Footprint {
  readonly heapMb: number
  readonly descriptors: number
  readonly listeners: number
}

function footprint(): Footprint {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  globalThis.gc()
  return {
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : Number.NaN,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 100))

/** 10,000 flushes: what they leave behind. */
export async function soak(): Promise<object[]> {
  const rows: object[] = []
  for (const pair of benchable()) {
    const { name, wrapped } = pair
    const server = await startServer(pair)
    try {
      const client = wrapped(server.url())
      const flush = async (times: number) => {
        for (let n = 0; n < times; n++) {
          await client.ask()
          await client.flush()
        }
        await settled()
      }
      await flush(500)
      const before = footprint()
      await flush(FLUSHES)
      const after = footprint()
      rows.push({
        client: name,
        flushes: FLUSHES,
        'heap MB (≤ +1)': (after.heapMb - before.heapMb).toFixed(2),
        'file descriptors (0)': after.descriptors - before.descriptors,
        'listeners (0)': after.listeners - before.listeners,
      })
      await client.end()
    } finally {
      await server.stop()
    }
  }
  return rows
}
