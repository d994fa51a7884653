/**
 * What a statement came to. `refused`: its error says that it was not carried out. `unknown`: its error leaves that open,
 * as a connection that was lost or cut does.
 */
export type Outcome = 'pending' | 'acknowledged' | 'refused' | 'unknown'

/** One piece of work: it appends the rows (id, 1) … (id, parts) to the ledger of the server that runs it, or none. */
export interface Statement {
  readonly id: string
  readonly client: string
  readonly work: string
  readonly parts: number
  /** Times are milliseconds of `performance.now()`. */
  readonly begunAt: number
  settledAt: number | undefined
  outcome: Outcome
  error: string | undefined
}

/** Something that was done to the servers or the name. */
export interface Happening {
  readonly at: number
  readonly what: string
}

/** From then on nothing may hang: what these clients had begun by `begunBy` must have been settled `by` then. */
export interface Due {
  readonly clients: ReadonlySet<string>
  readonly begunBy: number
  readonly by: number
}

/** A wait that is worth telling of, though it breaks no rule. */
const LONG_MS = 3_000

/** What is kept of a run, while it runs. */
export class History {
  readonly statements: Statement[] = []
  readonly happenings: Happening[] = []
  readonly dues: Due[] = []
  /** Flushes that failed, and what else went wrong in the background. */
  readonly failures: Happening[] = []
  readonly #pending = new Set<Statement>()
  readonly #tell: (what: string) => void
  /** How a client stands, by its name: what to tell of one that somebody waits for in vain. */
  readonly standing = new Map<string, () => unknown>()

  /** `tell` hears of what happens, as it happens. */
  constructor(tell: (what: string) => void) {
    this.#tell = tell
  }

  begin(id: string, client: string, work: string, parts: number): Statement {
    const begunAt = performance.now()
    const statement: Statement = {
      id,
      client,
      work,
      parts,
      begunAt,
      settledAt: undefined,
      outcome: 'pending',
      error: undefined,
    }
    this.statements.push(statement)
    this.#pending.add(statement)
    return statement
  }

  settle(statement: Statement, outcome: Outcome, error?: string): void {
    statement.settledAt = performance.now()
    statement.outcome = outcome
    statement.error = error
    this.#pending.delete(statement)
  }

  happened(what: string): void {
    this.happenings.push({ at: performance.now(), what })
    this.#tell(what)
  }

  /** Waits for what these clients have begun by now; what takes longer than `ms` breaks a rule. */
  async settled(clients: ReadonlySet<string>, ms: number): Promise<void> {
    const begunBy = performance.now()
    const by = begunBy + ms
    this.dues.push({ clients, begunBy, by })
    const waits = ({ client, begunAt }: Statement): boolean => clients.has(client) && begunAt <= begunBy
    while ([...this.#pending].some(waits) && performance.now() < by) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // Nobody waits twice for what has missed its time.
    const missed = [...this.#pending].filter(waits)
    for (const statement of missed) this.#pending.delete(statement)
    const waited = performance.now() - begunBy
    const late = missed.map(
      ({ client, work, begunAt }) => `${client} ${work} of ${Math.round(begunBy - begunAt)} ms before`,
    )
    for (const name of new Set(missed.map(({ client }) => client))) {
      this.#tell(`${name} stands so: ${JSON.stringify(this.standing.get(name)?.())}`)
      const failures = this.failures.filter(({ what }) => what.startsWith(`${name}: `)).slice(-5)
      for (const { at, what } of failures) this.#tell(`  ${Math.round(performance.now() - at)} ms ago ${what}`)
    }
    if (waited > LONG_MS)
      this.#tell(`waited ${Math.round(waited)} ms ${late.length > 0 ? `in vain for ${late.join(', ')}` : ''}`)
  }
}
