import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Flushable } from '../../src/index.ts'
import { errors } from './errors.ts'
import { rawOf } from './raw.ts'
import { readsOf } from './reads.ts'
import { type Client, engines, outcome, stage, swapped, type Within } from './stage.ts'
import { writesOf } from './writes.ts'

class RolledBack extends Error {}

/** What Prisma itself does not do for MariaDB: its clear error is what is to be had there. */
const unsupported = { postgresql: [], mysql: ['relationLoadStrategy: join', 'mode: insensitive'] }

/** What a use shows natively, by its name; else the comparison would say nothing. */
function promised(name: string, mayFail: boolean): unknown {
  const code = /^P\d{4}/.exec(name)?.[0]
  if (code !== undefined) return expect.objectContaining({ code })
  return mayFail ? expect.objectContaining({ failed: expect.any(String) }) : { gave: expect.anything() }
}

/** What a use gives in a transaction that is rolled back. */
async function inTransaction(
  prisma: Client,
  before: (tx: Within) => Promise<unknown>,
  use: (tx: Within) => unknown,
): Promise<unknown> {
  let seen: unknown
  const work = async (tx: Within): Promise<never> => {
    await before(tx)
    seen = await outcome(() => use(tx))
    throw new RolledBack()
  }
  await expect(prisma.$transaction(work, { timeout: 60_000 })).rejects.toThrow(RolledBack)
  return seen
}

describe.each(engines)('what is documented for $name', (engine) => {
  const on = stage(engine)
  const raw = rawOf(engine.name)
  const reads = { ...readsOf(engine.name), ...raw.reads }
  const failing = { ...errors, ...raw.failing }
  const writes = { ...writesOf(engine.name), ...raw.writes, ...failing }

  // One of each for all tests: what one use leaves behind must not harm the next either.
  let bare: Client
  let flushed: Client & Flushable
  let flushedByHand: Client & Flushable
  beforeAll(async () => {
    bare = on.lasting(on.bare())
    flushed = on.lasting(on.flushing({ intervalMs: 50, jitter: 0 }))
    flushedByHand = on.lasting(on.flushing())
    await on.reset()
  })
  afterAll(() => {
    for (const { $flusher } of [flushed, flushedByHand]) expect($flusher.stats()).toMatchObject({ failures: 0 })
  })

  test.each(Object.entries({ ...reads, ...writes }))(
    'flushed every 50 ms: %s gives what it gives natively',
    async (name, use) => {
      const again = async () => {
        if (name in writes) await on.reset()
      }
      await again()
      const expected = await outcome(() => use(bare))
      expect(expected).toEqual(
        promised(name, name in failing || unsupported[engine.name].some((each) => each === name)),
      )
      const { flushes } = flushed.$flusher.stats()
      do {
        await again()
        expect(await outcome(() => use(flushed))).toEqual(expected)
        await flushed.$queryRaw`select 1`
      } while (flushed.$flusher.stats().flushes === flushes)
      await again()
    },
  )

  test.each(Object.entries({ ...reads, ...writes }))(
    'in the middle of a transaction, after a flush: %s gives what it gives natively',
    async (_, use) => {
      const begun = (tx: Within) => tx.user.count()
      const expected = await inTransaction(bare, begun, use)
      const flush = async (tx: Within) => {
        await begun(tx)
        await flushedByHand.$flush(swapped)
      }
      expect(await inTransaction(flushedByHand, flush, use)).toEqual(expected)
    },
  )
})
