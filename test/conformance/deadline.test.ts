import { expect } from 'vitest'
import { behaviour, chain } from './behaviour.ts'
import { eventually } from './eventually.ts'

/** A promise that a test settles itself. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

behaviour('deadline', (stage) => {
  const { sleep, connectionId } = stage.subject.dialect
  const kind = stage.subject.statement ?? 'query'

  /** Resolves when so many connections to the database execute the long statement. */
  const sleeping = (database: string, count: number) =>
    eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.filter(({ query, state }) => state === 'active' && query.includes(sleep)).length === count,
    )

  stage.test('a statement that outlives it is cut when that is asked for; its neighbours are not', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { onDeadline: 'cut', deadlineMs: 1_000 } })
    const swapped = gate()
    const [cut, neighbour] = [
      client.value(sleep).catch((error: unknown) => error),
      client.transaction(async (tx) => {
        const before = await tx.value(connectionId)
        await swapped.opened
        return [before, await tx.value(connectionId)]
      }),
    ]
    await sleeping(database, 1)
    client.$flusher.on('swap', swapped.open)
    const flushed = client.$flush()
    const others = Promise.all(Array.from({ length: 20 }, () => client.value(connectionId)))
    const [before, after] = await neighbour
    expect(after).toBe(before)
    await expect(flushed).resolves.toMatchObject({ cut: 1, drained: true, stragglers: [{ kind }] })
    expect(chain(await cut)).toContain('outcome is unknown')
    await expect(others).resolves.toHaveLength(20)
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.every(({ pid }) => String(pid) !== String(before)),
    )
  })

  stage.test(
    'a transaction that is cut fails what it runs, what it asks later, and itself, and says so each time',
    async () => {
      const { url, database } = await stage.database()
      const client = stage.open({ url: () => url })
      const told: unknown[] = []
      const tell = (error: unknown) => told.push(error)
      const worked = gate()
      const transaction = client.transaction(async (tx) => {
        await tx.value('select 1')
        await tx.value(sleep).catch(tell)
        await tx.value('select 2').catch(tell)
        worked.open()
      })
      const ended = transaction.catch(tell)
      await sleeping(database, 1)
      const report = await client.$flush({ deadlineMs: 0, onDeadline: 'cut' })
      expect(report).toMatchObject({ cut: 1, drained: true })
      await Promise.all([worked.opened, ended])
      expect(told.map(chain)).toEqual([1, 2, 3].map(() => expect.stringContaining('outcome is unknown')))
      expect(Number(await client.value('select 3'))).toBe(3)
    },
  )

  stage.test('by default a statement that outlives it finishes on the old generation', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { deadlineMs: 100 } })
    await client.value('create table entry (id int primary key)')
    await client.value('insert into entry values (7)')
    const lockRow = 'select id from entry where id = 7 for update'
    const [held, unlocked] = [gate(), gate()]
    const locked = stage.open({ url: () => url }).transaction(async (tx) => {
      await tx.value(lockRow)
      held.open()
      await unlocked.opened
    })
    await held.opened
    const waiting = client.value(`${lockRow} `).then(() => 'done')
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.some(({ query, state }) => state === 'active' && query.includes('for update')),
    )
    const report = await client.$flush()
    expect(report).toMatchObject({ drained: false, cut: 0, stragglers: [{ kind }] })
    expect(client.$flusher.stats().retiring).toMatchObject([{ leases: 1 }])
    unlocked.open()
    await locked
    await expect(waiting).resolves.toBe('done')
    await eventually(
      () => client.$flusher.stats().retiring,
      (retiring) => retiring.length === 0,
    )
  })

  stage.test('what was not sent goes to the fresh generation at the swap, also when all connections hang', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, max: 2, options: { deadlineMs: 200, onDeadline: 'cut' } })
    const hanging = [1, 2].map(() =>
      client
        .transaction((tx) => tx.value(sleep))
        .then(
          () => 'finished',
          () => 'cut',
        ),
    )
    await sleeping(database, 2)
    const unsent = [client.value('select 1'), client.transaction((tx) => tx.value('select 2'))]
    const answered = Promise.all(unsent)
    await expect(client.$flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 2 })
    expect((await answered).map(Number)).toEqual([1, 2])
    await expect(Promise.all(hanging)).resolves.toEqual(['cut', 'cut'])
  })
})
