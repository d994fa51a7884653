import { expect, test } from 'vitest'
import { behaviour, chain, eventually, pidOf } from './behaviour.ts'

behaviour('deadline', (stage) => {
  const kind = stage.subject.statement ?? 'query'

  test('a statement that outlives it is cut when that is asked for; its neighbours are not', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { onDeadline: 'cut', deadlineMs: 300 } })
    const cut = client.value('select pg_sleep(60)').then(
      () => undefined,
      (error: unknown) => error,
    )
    const neighbour = client.transaction(async (tx) => {
      await tx.value('select 1')
      return tx.value('select 42')
    })
    await expect(neighbour).resolves.toBe(42)
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.some(({ query }) => query.includes('pg_sleep(60)')),
    )
    const flushed = client.$flush()
    const others = Promise.all(Array.from({ length: 20 }, () => client.value(pidOf)))
    await expect(flushed).resolves.toMatchObject({ cut: 1, drained: true, stragglers: [{ kind }] })
    expect(chain(await cut)).toContain('outcome is unknown')
    await expect(others).resolves.toHaveLength(20)
  })

  test('by default a statement that outlives it finishes on the old generation', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { deadlineMs: 100 } })
    const lock = stage.open({ url: () => url })
    let unlock = () => {}
    let hold = () => {}
    const held = new Promise<void>((resolve) => {
      hold = resolve
    })
    const unlocked = new Promise<void>((resolve) => {
      unlock = resolve
    })
    const locked = lock.transaction(async (tx) => {
      await tx.value('select pg_advisory_xact_lock(7)::text')
      hold()
      await unlocked
    })
    await held
    const waiting = client.value('select pg_advisory_xact_lock(7)::text').then(() => 'done')
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.filter(({ query, state }) => state === 'active' && query.includes('lock(7)')).length === 1,
    )
    const report = await client.$flush()
    expect(report).toMatchObject({ drained: false, cut: 0, stragglers: [{ kind }] })
    expect(client.$flusher.stats().retiring).toMatchObject([{ generation: 1, leases: 1 }])
    unlock()
    await locked
    await expect(waiting).resolves.toBe('done')
    await eventually(
      () => client.$flusher.stats().retiring,
      (retiring) => retiring.length === 0,
    )
  })

  test('what had not been sent goes to the fresh generation at the swap, also when every connection hangs', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, max: 2, options: { deadlineMs: 200, onDeadline: 'cut' } })
    const hanging = [1, 2].map(() =>
      client
        .transaction((tx) => tx.value('select pg_sleep(60)'))
        .then(
          () => 'finished',
          () => 'cut',
        ),
    )
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.filter(({ query }) => query.includes('pg_sleep(60)')).length === 2,
    )
    const unsent = [client.value('select 1'), client.transaction((tx) => tx.value('select 2'))]
    const answered = Promise.all(unsent)
    await expect(client.$flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 2 })
    await expect(answered).resolves.toEqual([1, 2])
    await expect(Promise.all(hanging)).resolves.toEqual(['cut', 'cut'])
  })
})
