import { percentile } from './open-loop.ts'
import type { Contender, Rival } from './rivals.ts'
import type { Wire } from './wire.ts'

/** What became of the queries of one run, and when, in milliseconds of `performance.now()`. */
export class Outcomes {
  /** How many queries failed. */
  failed = 0
  /** How many are not answered yet. */
  pending = 0
  /** The first query that was asked after an error had been seen. */
  firstAfterError: number | undefined
  readonly #pipelines: boolean
  readonly #wire: Wire
  readonly #old: string
  readonly #latencies: number[] = []
  readonly #lastAnswer = new Map<string, number>()
  readonly #firstAnswer = new Map<string, number>()
  #asked = 0
  /** Undefined until it is counted for the first time. */
  #foundOut: number | undefined
  #handedOut: { readonly before: number; until: number } | undefined
  #strickenAt: number | undefined
  #idle: (() => void) | undefined

  /** @param old is the address of the server that is struck. */
  constructor({ pipelines }: Rival, wire: Wire, old: string) {
    this.#pipelines = pipelines
    this.#wire = wire
    this.#old = old
    wire.onLoss = (address) => {
      if (address === old && pipelines && this.#strickenAt !== undefined && !this.#moved) this.#lost()
    }
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
  }

  /**
   * What is on the wire counts: a flush begins, or its fresh client serves. A pool writes a statement with the next tick
   * after it has chosen the connection: those count too.
   */
  flushing(): void {
    if (this.#strickenAt === undefined || this.#moved) return
    this.#count()
    if (!this.#pipelines) setImmediate(() => this.#count())
  }

  /**
   * How many statements the old server had been sent: those that it had refused or not answered when the flush began or
   * at its swap (where the client came over by itself before that, when it had), or those that were in flight when their
   * connections broke, whichever are more.
   *
   * A client that pipelines hands a statement to a connection at once, and writes it with the next turn of the loop: of
   * such a one, all count that were asked before the last connection broke and not answered before the first did.
   */
  get onWire(): number {
    const { before = 0, until = 0 } = this.#handedOut ?? {}
    return Math.max(this.#foundOut ?? 0, this.#wire.lost(this.#old), until - before)
  }

  #count(): void {
    const sent = this.#pipelines ? this.failed + this.pending : this.#wire.doomed(this.#old)
    this.#foundOut = Math.max(this.#foundOut ?? 0, sent)
  }

  get #moved(): boolean {
    return this.#firstAnswer.size > 1
  }

  #lost(): void {
    this.#handedOut ??= { before: this.#asked - this.pending - this.failed, until: 0 }
    this.#handedOut.until = this.#asked
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
    if (this.#firstAnswer.has(server)) return
    if (server !== this.#old && this.#foundOut === undefined) this.#count()
    this.#firstAnswer.set(server, now)
  }

  #failed(): void {
    this.failed++
    this.firstAfterError ??= this.#asked
  }

  #sinceStroke(time: number | undefined): number | undefined {
    return time === undefined || this.#strickenAt === undefined ? undefined : time - this.#strickenAt
  }
}
