import { expect, test } from 'vitest'
import { behaviour, eventually, pidOf, watchPeak } from './behaviour.ts'

behaviour('flush', (stage) => {
  test('leaves the old server-side connections gone, and queries on new backends', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url })
    const before = await Promise.all(Array.from({ length: 4 }, () => client.value(pidOf)))
    const report = await client.$flush()
    expect(report).toMatchObject({ drained: true, cut: 0, checked: true, moved: false, stragglers: [] })
    const after = await Promise.all(Array.from({ length: 4 }, () => client.value(pidOf)))
    expect(before).not.toEqual(expect.arrayContaining([after[0]]))
    const alive = (await stage.server.backends({ database })).map(({ pid }) => pid)
    for (const pid of before) expect(alive).not.toContain(pid)
    for (const pid of after) expect(alive).toContain(pid)
  })

  test('happens once for ten requests at a time', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value(pidOf)
    const reports = await Promise.all(Array.from({ length: 10 }, () => client.$flush()))
    expect(new Set(reports.map(({ generation }) => generation)).size).toBe(1)
    expect(client.$flusher.stats()).toMatchObject({ flushes: 1, failures: 0 })
  })

  test('200 times 50 ms apart under 16 callers: no statement fails or runs twice, connections within max + 1', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, max: 4 })
    await client.value('create table entry (id int primary key)')
    const watch = watchPeak(stage.server, database)
    let flushing = true
    let inserted = 0
    const callers = Array.from({ length: 16 }, async () => {
      while (flushing) {
        const id = ++inserted
        await client.value(`insert into entry values (${id}) returning id`)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const flushes: Promise<unknown>[] = []
    for (let n = 0; n < 200; n++) {
      flushes.push(client.$flush())
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await Promise.all(flushes)
    flushing = false
    await Promise.all(callers)
    expect(Number(await client.value('select count(*) from entry'))).toBe(inserted)
    expect(inserted).toBeGreaterThan(200)
    expect(client.$flusher.stats().failures).toBe(0)
    expect(client.$flusher.stats().flushes).toBeGreaterThan(50)
    expect(await watch.stop()).toBeLessThanOrEqual(5)
  })

  test('lets a client that nobody uses open no connection for three intervals', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { intervalMs: 50 } })
    await client.value('select 1')
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.length === 0,
    )
    const seen: unknown[] = []
    const from = client.$flusher.stats().flushes
    while (client.$flusher.stats().flushes < from + 3) {
      seen.push(...(await stage.server.backends({ database })))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(seen).toEqual([])
    await expect(client.value('select 2')).resolves.toBe(2)
  })
})
