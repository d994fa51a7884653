import { expect } from 'vitest'

/** What a documented use is given beside the database. */
export interface Stage<Database> {
  /** Flushes the database; does nothing to a bare one. */
  flush(): Promise<unknown>
  /** Another database of the same kind, made with this configuration. */
  open(config: object): Database
}

/** Uses a database as the documentation does, and tells of all that its user gets to see. */
export type Use<Database> = (db: Database, on: Stage<Database>) => Promise<unknown>

/** How the documentation has it done, and on what: where nothing is said, on a database and within a transaction. */
export interface Behaviour<Database> {
  readonly use: Use<Database>
  readonly within?: 'a database alone'
}

/** What the documentation says, page by page: how each is used here, or why there is nothing to hold it against. */
export type Pages<Database> = Readonly<
  Record<string, string | Readonly<Record<string, Use<Database> | Behaviour<Database>>>>
>

/** For what opens transactions, clients or databases of its own. */
export const onDatabase = <Database>(use: Use<Database>): Behaviour<Database> => ({ use, within: 'a database alone' })

/** What can be held against the bare driver: its page and its name, and how. */
export function behaviours<Database>(pages: Pages<Database>): (Behaviour<Database> & { readonly name: string })[] {
  return Object.entries(pages).flatMap(([page, said]) =>
    typeof said === 'string'
      ? []
      : Object.entries(said).map(([what, how]) => ({
          name: `${page}: ${what}`,
          ...(typeof how === 'function' ? { use: how } : how),
        })),
  )
}

/** A database of either kind, as far as it is compared. */
export interface Compared<Database> {
  readonly db: Database
  readonly on: Stage<Database>
  transaction(work: (tx: Database) => Promise<unknown>): Promise<unknown>
}

/** A database that is flushed every now and then says what a bare one says, also in a transaction with a flush in it. */
export async function expectSame<Database>(
  { use, within }: Behaviour<Database>,
  bare: Compared<Database>,
  flushing: Compared<Database>,
  reset: () => Promise<unknown>,
): Promise<void> {
  const told = async (work: (of: Compared<Database>) => Promise<unknown>, of: Compared<Database>) => {
    await reset()
    return work(of)
  }
  const directly = ({ db, on }: Compared<Database>) => use(db, on)
  const inTransaction = ({ on, transaction }: Compared<Database>) =>
    transaction(async (tx) => {
      await on.flush()
      return use(tx, on)
    })
  for (const work of within === undefined ? [directly, inTransaction] : [directly]) {
    const natively = await told(work, bare)
    expect(natively).toBeDefined()
    expect(await told(work, flushing)).toEqual(natively)
  }
}

/** What work fails with, as its user sees it. */
export async function reasonOf(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    return { given: await work }
  } catch (error) {
    return told(error)
  }
}

function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, query, params, code, errno, sqlState, detail, severity, cause } = error as Error &
    Record<string, unknown>
  const said = { is: error.constructor.name, name, message, query, params, code, errno, sqlState, detail, severity }
  return { ...said, cause: told(cause) }
}
