import type { Flusher, FlushOptions, FlushReport, LeaseKind, Options } from '@periodic-flush/core'
import type { Dialect } from './dialect.ts'

/** Something that runs SQL and gives the first column of the first row. */
export interface Runner {
  value(sql: string): Promise<unknown>
}

/** A wrapped client, as the behaviours use it. */
export interface Client extends Runner {
  transaction<T>(work: (tx: Runner) => Promise<T>): Promise<T>
  /** Every column of the first row, as the client gives it. */
  row(sql: string): Promise<unknown>
  /** The client's own way to end it all. */
  end(): Promise<void>
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  readonly $flusher: Pick<Flusher<never>, 'name' | 'stats' | 'on' | 'pause' | 'resume' | 'hold' | 'close'>
}

/** How a behaviour wants its client opened. */
export interface Opening {
  /** Asked at every opening; may throw, which makes the opening fail. */
  readonly url: () => string
  readonly max: number
  readonly options: Omit<Options<never>, 'check'> & { readonly check?: boolean | (() => unknown) }
}

/** One client of the conformance suite: a registration. */
export interface Subject {
  readonly name: string
  readonly dialect: Dialect
  /** As what a report counts the lease of a statement of its own, where that is not a query. */
  readonly statement?: LeaseKind
  /** Wraps a client whose factory does as the opening says. */
  open(opening: Opening): Client
  /** Wraps a factory that returns the same client each time. */
  openSame(url: string): Client
  /** The same client without us. */
  bare(url: string, max: number): Omit<Client, '$flush' | '$flusher'>
  /** Tests of the suite, by name, that this client cannot pass, and why; the matrix shows the reason. */
  readonly notApplicable?: Readonly<Record<string, string>>
  /** Where the client opens its whole pool at once: what follows for the number of connections; the matrix shows it. */
  readonly eager?: string
}
