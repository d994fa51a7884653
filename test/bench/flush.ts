import type { Contender, Flushed } from './contenders.ts'
import { openLoop, percentile } from './open-loop.ts'
import { Peak } from './peak.ts'
import { benchable, startServer } from './server.ts'

const RATE = 800
const SECONDS = 8

interface Load {
  readonly p99: number
  readonly failed: number
  readonly asked: number
}

async function load(contender: Contender, everySecond: () => void): Promise<Load> {
  const latencies: number[] = []
  const pending: Promise<unknown>[] = []
  const start = performance.now()
  let failed = 0
  let second = 0
  const ask = (_: number, dueAt: number) => {
    pending.push(
      contender.ask().then(
        () => latencies.push(performance.now() - dueAt),
        () => failed++,
      ),
    )
  }
  await openLoop({ rate: RATE, ms: SECONDS * 1_000 }, ask, () => {
    if (performance.now() - start <= (second + 1) * 1_000) return
    second++
    everySecond()
  })
  await Promise.all(pending)
  return { p99: percentile(latencies, 0.99), failed, asked: pending.length }
}

async function warmUp(contender: Contender): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 10 }, () => contender.ask()))
}

/** A flush every second under steady load, against the bare client without one in the same run. */
export async function flush(): Promise<object[]> {
  const rows: object[] = []
  for (const pair of benchable()) {
    const { name, bare, wrapped } = pair
    const server = await startServer(pair)
    try {
      const plain = bare(server.url())
      await warmUp(plain)
      const base = await load(plain, () => {})
      await plain.end()
      const client: Flushed = wrapped(server.url())
      await warmUp(client)
      const peak = new Peak(server)
      let flushFailed = 0
      const flushed = await load(client, () => void client.flush().catch(() => flushFailed++))
      rows.push({
        client: name,
        queries: flushed.asked,
        failed: flushed.failed,
        'failed flushes': flushFailed,
        'peak connections (≤ 11)': await peak.stop(),
        'bare p99 ms': base.p99.toFixed(1),
        'p99 ms': flushed.p99.toFixed(1),
        'ratio (≤ 1.5)': (flushed.p99 / base.p99).toFixed(2),
      })
      await client.end()
    } finally {
      await server.stop()
    }
  }
  return rows
}
