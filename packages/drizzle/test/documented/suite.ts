import type { Flusher, FlushOptions } from '@periodic-flush/core'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { behaviours, type Compared, expectSame, type Pages } from './documented.ts'

interface Flushed {
  $flush(options: FlushOptions): Promise<unknown>
  readonly $flusher: Pick<Flusher<never>, 'close' | 'stats'>
}

/** A version of Drizzle on a driver, as far as databases are opened of it. */
interface Edition<Database> {
  bare(url: string, config: object): Database
  flushing(url: string, config: object, options: object): Database & Flushed
  end(db: Database): Promise<unknown>
  transaction(db: Database, work: (tx: Database) => Promise<unknown>): Promise<unknown>
}

/** The server that both databases speak to. */
interface Server {
  url(): string
  reset(): Promise<unknown>
  backends(): Promise<readonly unknown[]>
}

const often = { intervalMs: 50, jitter: 0, deadlineMs: 20, onDeadline: 'keep' } as const

/** Holds a flushed database of an edition against a bare one, for all that its pages say. */
export function holdAgainstBare<Database>(
  { bare, flushing, end, transaction }: Edition<Database>,
  { pages, config }: { pages: Pages<Database>; config: object },
  server: Server,
): void {
  const ends: (() => Promise<unknown>)[] = []
  const native: { db?: Compared<Database> } = {}
  const flushed: { db?: Compared<Database> } = {}
  const compared = (
    db: Database,
    flush: () => Promise<unknown>,
    open: (config: object) => Database,
  ): Compared<Database> => ({
    db,
    on: { flush, open },
    transaction: (work) => transaction(db, work),
  })
  beforeAll(() => {
    const db = flushing(server.url(), config, often)
    const other = bare(server.url(), config)
    flushed.db = compared(
      db,
      () => db.$flush({ wait: 'swapped' }),
      (given) => {
        const opened = flushing(server.url(), { ...config, ...given }, often)
        ends.push(() => opened.$flusher.close())
        return opened
      },
    )
    native.db = compared(
      other,
      async () => {},
      (given) => {
        const opened = bare(server.url(), { ...config, ...given })
        ends.push(() => end(opened))
        return opened
      },
    )
    return async () => {
      expect(db.$flusher.stats().flushes).toBeGreaterThan(3)
      await Promise.all([end(other), db.$flusher.close()])
      // A bare pool of pg has ended before the server has seen it.
      await vi.waitFor(async () => expect(await server.backends()).toEqual([]), { timeout: 10_000 })
    }
  })
  afterEach(() => Promise.all(ends.splice(0).map((close) => close())))
  test.each(behaviours(pages))('$name', async (behaviour) => {
    if (native.db === undefined || flushed.db === undefined) throw new Error('they are opened before the tests run')
    await expectSame(behaviour, native.db, flushed.db, server.reset)
  })
}
