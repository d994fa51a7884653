import { percentile } from './open-loop.ts'
import { type Contender, POOL, type Rival } from './rivals.ts'

/** What became of the queries of one run, and when, in milliseconds of `performance.now()`. */
export class Outcomes {
  /** How many queries failed. */
  failed = 0
  /** How many are not answered yet. */
  pending = 0
  /** The most queries that can have been on the wire when it was found out that the old server is not to be asked. */
  onWire = 0
  /** The first query that was asked after an error had been seen. */
  firstAfterError: number | undefined
  readonly #pipelines: boolean
  readonly #latencies: number[] = []
  readonly #lastAnswer = new Map<string, number>()
  readonly #firstAnswer = new Map<string, number>()
  #asked = 0
  #strickenAt: number | undefined
  #idle: (() => void) | undefined

  constructor({ pipelines }: Rival) {
    this.#pipelines = pipelines
  }

  ask(contender: Contender, n: number, dueAt: number): void {
    this.pending++
    this.#asked = n + 1
    contender
      .write(n)
      .then(
        (server) => this.#answered(server ?? 'nobody', dueAt),
        () => this.#failed(),
      )
      .finally(() => {
        this.pending--
        if (this.pending === 0) this.#idle?.()
      })
  }

  /** The name moves, and something happens to the old server. */
  struck(): void {
    this.#strickenAt = performance.now()
    this.#countWire()
  }

  /** A fresh client serves. */
  swapped(): void {
    if (this.#strickenAt !== undefined && this.#firstAnswer.size < 2) this.#countWire()
  }

  /** Resolves when nothing is pending, or after so long. */
  async settled(ms: number): Promise<void> {
    if (this.pending === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#idle = resolve
      timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }

  /** From the stroke to that server's first answer; undefined if there was none. */
  firstFrom(server: string): number | undefined {
    return this.#sinceStroke(this.#firstAnswer.get(server))
  }

  /** From the stroke to that server's last answer; 0 if that was before. */
  lastFrom(server: string): number {
    return Math.max(0, this.#sinceStroke(this.#lastAnswer.get(server)) ?? 0)
  }

  /** The 99th percentile of the latencies of what was answered. */
  get p99(): number {
    return percentile(this.#latencies, 0.99)
  }

  #answered(server: string, dueAt: number): void {
    const now = performance.now()
    this.#latencies.push(now - dueAt)
    this.#lastAnswer.set(server, now)
    if (!this.#firstAnswer.has(server)) this.#firstAnswer.set(server, now)
  }

  #failed(): void {
    this.failed++
    if (this.firstAfterError !== undefined) return
    this.firstAfterError = this.#asked
    this.#countWire()
  }

  /** One that does not pipeline has one statement a connection on the wire; the others wait in its queue, or in ours. */
  #countWire(): void {
    this.onWire = Math.max(this.onWire, this.#pipelines ? this.pending : Math.min(this.pending, POOL))
  }

  #sinceStroke(time: number | undefined): number | undefined {
    return time === undefined || this.#strickenAt === undefined ? undefined : time - this.#strickenAt
  }
}
