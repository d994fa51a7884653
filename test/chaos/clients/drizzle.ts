import type { Client, Run } from '../client.ts'

/** What is needed of a Drizzle database, in either version and on any driver. */
interface Executes {
  execute(text: string): PromiseLike<unknown>
}

interface Transacts {
  transaction(work: (tx: Executes) => Promise<void>): Promise<unknown>
}

interface Prepared {
  execute(values: { readonly id: string }): PromiseLike<unknown>
}

const running =
  (on: Executes): Run =>
  async (text) =>
    await on.execute(text)

export const runs = (db: Executes): Pick<Client, 'run'> => ({ run: running(db) })

export const transacts = (db: Transacts): Pick<Client, 'transaction'> => ({
  transaction: (work) => db.transaction((tx) => work(running(tx))),
})

/** `append` puts a row into the ledger, with a placeholder for its id. */
export const prepares = (append: Prepared): Pick<Client, 'prepared'> => ({
  prepared: async (id) => await append.execute({ id }),
})
