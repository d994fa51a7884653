import type { DatabaseServer } from '@periodic-flush/testing'
import type { Contender, Flushed } from './contenders.ts'
import { benchable, startServer } from './server.ts'

const RATE = 800
const SECONDS = 8

interface Load {
  readonly p99: number
  readonly failed: number
  readonly asked: number
}

/** Open loop: `RATE` queries a second, whether answered or not. */
async function load(contender: Contender, everySecond: () => void): Promise<Load> {
  const latencies: number[] = []
  const pending: Promise<unknown>[] = []
  let failed = 0
  const start = performance.now()
  let asked = 0
  let second = 0
  while (performance.now() - start < SECONDS * 1_000) {
    const due = Math.floor(((performance.now() - start) * RATE) / 1_000)
    for (; asked < due; asked++) {
      // Latency counts from when the query was due, so that a stalled loop cannot hide it.
      const dueAt = start + (asked * 1_000) / RATE
      pending.push(
        contender.ask().then(
          () => latencies.push(performance.now() - dueAt),
          () => failed++,
        ),
      )
    }
    if (performance.now() - start > (second + 1) * 1_000) {
      second++
      everySecond()
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  latencies.sort((a, b) => a - b)
  return { p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN, failed, asked }
}

/** The most backends that the server showed at once, until stopped. */
function watchPeak(server: DatabaseServer): () => Promise<number> {
  let watching = true
  let peak = 0
  const done = (async () => {
    while (watching) {
      peak = Math.max(peak, (await server.backends()).length)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return async () => {
    watching = false
    await done
    return peak
  }
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
      const peak = watchPeak(server)
      let flushFailed = 0
      const flushed = await load(client, () => void client.flush().catch(() => flushFailed++))
      rows.push({
        client: name,
        queries: flushed.asked,
        failed: flushed.failed,
        'failed flushes': flushFailed,
        'peak connections (≤ 11)': await peak(),
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
