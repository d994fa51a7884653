import { describe, expect, test } from 'vitest'
import { alike, type Client, engines, outcome, stage, type Within } from './stage.ts'

type Work = (prisma: Client, flush: () => Promise<unknown>) => unknown

const rename = (prisma: Within, id: number, name: string) =>
  prisma.user.update({ where: { id }, data: { name }, select: { id: true, name: true } })

const names = (prisma: Within) => prisma.user.findMany({ select: { name: true }, orderBy: { id: 'asc' } })

/** A way for one to wait for the other. */
function signal(): { given: Promise<void>; give: () => void } {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}

/** Transactions on all connections of a client; resolves once they have begun, with what ends them. */
async function allHeld(prisma: Client): Promise<() => Promise<unknown>> {
  const held = signal()
  const holding = Array.from({ length: 3 }, () => {
    const begun = signal()
    const over = prisma.$transaction(
      async () => {
        begun.give()
        await held.given
      },
      { timeout: 60_000, maxWait: 60_000 },
    )
    return { begun: begun.given, over }
  })
  await Promise.all(holding.map(({ begun }) => begun))
  return () => {
    held.give()
    return Promise.all(holding.map(({ over }) => over))
  }
}

const works: Record<string, Work> = {
  'an array of operations that were written before a flush': async (prisma, flush) => {
    const written = [rename(prisma, 1, 'A'), rename(prisma, 2, 'B'), prisma.user.count()] as const
    await flush()
    return prisma.$transaction([...written])
  },
  'an array that fails rolls back': async (prisma, flush) => {
    await flush()
    const failed = await outcome(() => prisma.$transaction([rename(prisma, 1, 'A'), rename(prisma, 99, 'B')]))
    return [failed, await names(prisma)]
  },
  'an array of raw statements': async (prisma, flush) => {
    await prisma.$queryRaw`select 1`
    await flush()
    return prisma.$transaction([
      prisma.$queryRaw`select 1 as n`,
      prisma.$executeRaw`create temporary table if not exists scratch (n int)`,
    ])
  },
  'an array with an isolation level': (prisma) =>
    prisma.$transaction([prisma.user.count(), rename(prisma, 1, 'A')], { isolationLevel: 'Serializable' }),
  'an array with `maxWait` and `timeout` waits for its connection': async (prisma, flush) => {
    const release = await allHeld(prisma)
    const waiting = outcome(() => prisma.$transaction([rename(prisma, 1, 'A')], { maxWait: 60_000, timeout: 60_000 }))
    const flushed = flush()
    await release()
    await flushed
    return [await waiting, await names(prisma)]
  },
  'an array in a function': async (prisma, flush) =>
    prisma.$transaction(async (tx) => {
      await tx.user.count()
      await flush()
      return outcome(() => (tx as Client).$transaction([rename(tx, 1, 'A'), rename(tx, 2, 'B')]))
    }),
  'a function commits': async (prisma, flush) => {
    const given = await prisma.$transaction(async (tx) => {
      const first = await rename(tx, 1, 'A')
      await flush()
      return [first, await rename(tx, 2, 'B')]
    })
    return [given, await names(prisma)]
  },
  'a function that throws rolls back, with its error': async (prisma, flush) => {
    const failed = await outcome(() =>
      prisma.$transaction(async (tx) => {
        await rename(tx, 1, 'A')
        await flush()
        throw new RangeError('Insufficient funds')
      }),
    )
    return [failed, await names(prisma)]
  },
  'a statement that fails in a function rolls back': async (prisma, flush) => {
    const failed = await outcome(() =>
      prisma.$transaction(async (tx) => {
        await rename(tx, 1, 'A')
        await flush()
        await rename(tx, 99, 'B')
      }),
    )
    return [failed, await names(prisma)]
  },
  'Promise.all in a function': (prisma, flush) =>
    prisma.$transaction(async (tx) => {
      const [first] = await Promise.all([names(tx), flush(), rename(tx, 1, 'A'), tx.post.count()])
      return [first, await names(tx)]
    }),
  'a transaction in a transaction: what it did is undone alone': async (prisma, flush) => {
    await prisma.$transaction(async (tx) => {
      await rename(tx, 1, 'A')
      const inner = (tx as Client).$transaction(async (nested) => {
        await rename(nested, 2, 'B')
        await flush()
        throw new Error('only this')
      })
      await outcome(() => inner)
      await (tx as Client).$transaction((nested) => rename(nested, 3, 'C'))
    })
    return names(prisma)
  },
  'P2028 after `timeout`': async (prisma, flush) => {
    const failed = await outcome(() =>
      prisma.$transaction(
        async (tx) => {
          await rename(tx, 1, 'A')
          await flush()
          await new Promise((resolve) => setTimeout(resolve, 1_200))
          return tx.user.count()
        },
        // Long enough for the statement: what Prisma sends as the time is over was seen to be committed, by a bare client too.
        { timeout: 1_000 },
      ),
    )
    return [failed, await names(prisma)]
  },
  'P2028 of a client that is used after its transaction': async (prisma, flush) => {
    const tx = await prisma.$transaction(async (within) => within)
    await flush()
    return tx.user.count()
  },
  'P2028 after `maxWait`, and whoever waited longer gets its turn': async (prisma) => {
    const release = await allHeld(prisma)
    const impatient = await outcome(() => prisma.$transaction(names, { maxWait: 100 }))
    const patient = prisma.$transaction(names, { maxWait: 60_000 })
    await release()
    return [impatient, await patient]
  },
  'P2034 of one of two that lock each other out': async (prisma, flush) => {
    const [one, other] = [signal(), signal()]
    const locking = (first: number, second: number, mine: typeof one, theirs: typeof one) =>
      prisma.$transaction(
        async (tx) => {
          await rename(tx, first, 'A')
          mine.give()
          await theirs.given
          await flush()
          await rename(tx, second, 'B')
        },
        { timeout: 60_000 },
      )
    const ends = await Promise.all([outcome(() => locking(1, 2, one, other)), outcome(() => locking(2, 1, other, one))])
    return ends.map((end) => (end as { code?: string }).code ?? 'committed').sort()
  },
  'what a client lacks in a transaction': (prisma) =>
    prisma.$transaction(async (tx) =>
      ['$connect', '$disconnect', '$on', '$transaction', '$extends', '$queryRaw'].map(
        (name) => typeof Reflect.get(tx, name),
      ),
    ),
}

const levelOf = {
  postgresql: (tx: Within): Promise<unknown> => tx.$queryRaw`select current_setting('transaction_isolation') as level`,
  // MariaDB tells of it only in a table that lags behind.
  mysql: (tx: Within): Promise<unknown> => tx.$queryRaw`select @@in_transaction as level`,
}

describe.each(engines)('transactions of $name', (engine) => {
  const on = stage(engine)

  test.each(Object.entries(works))('%s', async (name, work) => {
    const expected = await alike(on, work)
    const code = /^P\d{4}/.exec(name)?.[0]
    if (code !== undefined) expect(JSON.stringify(expected)).toContain(code)
    else expect(expected).toHaveProperty('gave')
  })

  test.each(['ReadUncommitted', 'ReadCommitted', 'RepeatableRead', 'Serializable', 'Snapshot'] as const)(
    'the isolation level %s, of one and of all',
    async (isolationLevel) => {
      const level = levelOf[engine.name]
      const work: Work = (prisma, flush) =>
        prisma.$transaction(
          async (tx) => {
            await rename(tx, 1, 'A')
            await flush()
            return level(tx)
          },
          { isolationLevel: isolationLevel as never },
        )
      const ofOne = await alike(on, work)
      expect(ofOne).toHaveProperty(isolationLevel === 'Snapshot' ? 'failed' : 'gave')
      if (isolationLevel === 'Snapshot') return
      const ofAll: Work = (prisma) => prisma.$transaction((tx) => rename(tx, 1, 'A').then(() => level(tx)))
      const settings = { transactionOptions: { isolationLevel, maxWait: 5_000, timeout: 10_000 } }
      expect(await alike(on, ofAll, { settings })).toEqual(ofOne)
    },
  )

  test('P2028 after `timeout` of one whose statement still runs: what comes after it is undone', async () => {
    const sleep = { postgresql: 'select pg_sleep(1.2)::text', mysql: 'select sleep(1.2)' }[engine.name]
    const work: Work = async (prisma, flush) => {
      const use = async (tx: Within) => {
        await rename(tx, 1, 'A')
        await Promise.all([flush(), tx.$queryRawUnsafe(sleep)])
        await rename(tx, 2, 'B')
      }
      return [await outcome(() => prisma.$transaction(use, { timeout: 1_000 })), await names(prisma)]
    }
    expect(JSON.stringify(await alike(on, work))).toContain('P2028')
  })

  test.each(['before a statement', 'before its end'])(
    'one whose connection is lost %s fails as natively',
    async (when) => {
      const database = new URL(on.server.url()).pathname.slice(1)
      const work: Work = async (prisma, flush) => {
        const use = async (tx: Within) => {
          await rename(tx, 1, 'A')
          await flush()
          await on.server.killBackends({ database })
          // So that the client knows.
          await on.server.query('select 1')
          if (when === 'before a statement') await tx.user.count()
        }
        return [await outcome(() => prisma.$transaction(use)), await names(prisma)]
      }
      expect(JSON.stringify(await alike(on, work))).toContain('"failed"')
    },
  )

  test.runIf(engine.name === 'postgresql')(
    'one whose commit fails is rolled back, and gives its lease back',
    async () => {
      const statements = [
        `create temporary table chain (id int primary key, next int references chain deferrable initially deferred)`,
        'insert into chain values (1, 2)',
      ]
      const work: Work = async (prisma, flush) => {
        const interactive = prisma.$transaction(async (tx) => {
          for (const statement of statements) await tx.$executeRawUnsafe(statement)
          await flush()
        })
        const array = () => prisma.$transaction(statements.map((statement) => prisma.$executeRawUnsafe(statement)))
        return [await outcome(() => interactive), await outcome(array), await names(prisma)]
      }
      expect(JSON.stringify(await alike(on, work))).toMatch(/23503.*23503/)
    },
  )
})
