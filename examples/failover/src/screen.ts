import type { PostgresServer } from '@periodic-flush/testing'
import type { Load } from './load.ts'

/** Shows how each client does: redrawn in place on a terminal, a block every few seconds elsewhere. */
export class Screen {
  readonly #loads: readonly Load[]
  readonly #names: ReadonlyMap<string, string>
  readonly #answered = new Map<Load, number>()
  readonly #timer: NodeJS.Timeout
  #drawn = 0
  #ticks = 0

  constructor(loads: readonly Load[], servers: readonly PostgresServer[]) {
    this.#loads = loads
    this.#names = new Map(servers.map(({ host, name }) => [host, name]))
    this.#timer = setInterval(() => this.#tick(), 1_000)
  }

  /** Something has happened that the lines below are to be read with. */
  say(what: string): void {
    console.log(`\n${what}\n`)
    this.#drawn = 0
  }

  /** Nothing is drawn any more. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const lines = this.#loads.map((load) => this.#line(load))
    if (process.stdout.isTTY) {
      if (this.#drawn > 0) process.stdout.write(`\u001b[${this.#drawn}A`)
      for (const line of lines) process.stdout.write(`\u001b[2K${line}\n`)
      this.#drawn = lines.length
    } else if (this.#ticks++ % 3 === 0) {
      console.log(lines.join('\n'))
    }
  }

  #line(load: Load): string {
    const { contender, answered, server, unanswered } = load
    const rate = answered - (this.#answered.get(load) ?? 0)
    this.#answered.set(load, answered)
    const stats = contender.flushing?.$flusher.stats()
    const rotation =
      stats === undefined ? 'never flushed' : `generation ${stats.generation}, ${stats.connections} connections`
    const total = load.failures
    const where = server === undefined ? '-' : (this.#names.get(server) ?? server)
    return `  ${contender.name.padEnd(16)} ${String(rate).padStart(4)} queries/s  ${String(total).padStart(3)} failed  ${String(unanswered).padStart(4)} waiting  on ${where.padEnd(6)} ${rotation}`
  }
}
