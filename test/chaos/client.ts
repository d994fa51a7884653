import type { Flusher, Options } from '@periodic-flush/core'

/** The account that the clients log in with, as it is now: chaos changes it. */
export interface Account {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** The certificate to verify the server with; undefined where it is to be talked to without TLS. */
  readonly ca: string | undefined
}

/** Runs one SQL text. */
export type Run = (text: string) => Promise<unknown>

/** A wrapped client under chaos, and the kinds of work that it can do. */
export interface Client {
  /** Runs one SQL text, on no particular connection. */
  readonly run: Run
  /** Appends one row to the ledger, by a statement that is prepared once and run again and again. */
  prepared(id: string): Promise<unknown>
  transaction(work: (run: Run) => Promise<void>): Promise<unknown>
  /** Reads the rows of one SQL text as they come. */
  readonly stream?: (text: string) => AsyncIterable<unknown>
  /** Hears what is notified to a channel, for as long as the client lives. */
  readonly listen?: (channel: string, heard: (payload: string) => void) => Promise<unknown>
  readonly $flusher: Pick<Flusher<never>, 'name' | 'stats' | 'on' | 'close'>
}

/** How a client is opened. */
export interface Opening {
  /** Asked at every opening. */
  readonly account: () => Account
  readonly max: number
  readonly options: Omit<Options<never>, 'check'>
}

/** One kind of client. */
export interface Kind {
  readonly name: string
  readonly engine: 'postgres' | 'mariadb'
  /** Where it does not tell which addresses it is connected to: then only the deadline can end what hangs on an old one. */
  readonly secretive?: true
  open(opening: Opening): Client
}

/** What appends that row to the ledger. */
export const appended = (id: string, part = 1): string => `insert into ledger (id, part) values ('${id}', ${part})`
