import { createFlusher } from '@periodic-flush/core'
import type { Contender } from './contenders.ts'
import { benchable, startServer } from './server.ts'

const ROUNDS = 9
const ROUND_MS = 400

/** Queries per second of `callers` that ask one after the other. */
async function throughput(contender: Contender, callers: number): Promise<number> {
  const start = performance.now()
  let answered = 0
  const caller = async () => {
    while (performance.now() - start < ROUND_MS) {
      await contender.ask()
      answered++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (answered * 1_000) / (performance.now() - start)
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** What one lease costs: acquire and release, in nanoseconds. */
function leaseCost(): number {
  const flusher = createFlusher({
    name: 'bench',
    open: () => ({}),
    check: async () => {},
    close: async () => {},
    cut: () => {},
  })
  const holder = { kind: 'query', cut: () => {} } as const
  const costs: number[] = []
  const times = 200_000
  for (let round = 0; round < 9; round++) {
    const start = process.hrtime.bigint()
    for (let n = 0; n < times; n++) flusher.tryAcquire(holder)?.release()
    costs.push(Number(process.hrtime.bigint() - start) / times)
  }
  void flusher.close()
  return median(costs)
}

/** Wrapped against bare, in turn, on the same server: the ratio of their throughputs. */
export async function overhead(): Promise<object[]> {
  const rows: object[] = [
    { client: 'core', callers: '', figure: `lease ${leaseCost().toFixed(0)} ns`, goal: '≤ 150 ns' },
  ]
  for (const pair of benchable()) {
    const { name, bare, wrapped } = pair
    const server = await startServer(pair)
    try {
      for (const callers of [1, 16]) {
        const contenders = [bare(server.url()), wrapped(server.url())] as const
        for (const contender of contenders) await throughput(contender, callers)
        const ratios: number[] = []
        for (let round = 0; round < ROUNDS; round++) {
          // Each goes first in every other round, so that a drift of the machine favours neither.
          const order = round % 2 === 0 ? contenders : [contenders[1], contenders[0]]
          const results = new Map<Contender, number>()
          for (const contender of order) results.set(contender, await throughput(contender, callers))
          ratios.push((results.get(contenders[1]) ?? 0) / (results.get(contenders[0]) ?? 1))
        }
        for (const contender of contenders) await contender.end()
        rows.push({ client: name, callers, figure: `ratio ${median(ratios).toFixed(3)}`, goal: '≥ 0.98' })
      }
    } finally {
      await server.stop()
    }
  }
  return rows
}
