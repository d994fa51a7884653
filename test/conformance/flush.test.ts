import { expect } from 'vitest'
import { later } from '../later.ts'
import { behaviour } from './behaviour.ts'
import { eventually } from './eventually.ts'

behaviour('flush', (stage) => {
  const { connectionId } = stage.subject.dialect

  stage.test('leaves the old server-side connections gone, and queries on new backends', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url })
    const before = await Promise.all(Array.from({ length: 4 }, () => client.value(connectionId)))
    const report = await client.$flush()
    expect(report).toMatchObject({ drained: true, cut: 0, checked: true, moved: false, stragglers: [] })
    const after = await Promise.all(Array.from({ length: 4 }, () => client.value(connectionId)))
    const alive = (await stage.server.backends({ database })).map(({ pid }) => String(pid))
    for (const pid of before) expect(alive).not.toContain(String(pid))
    for (const pid of after) expect(alive).toContain(String(pid))
  })

  stage.test('happens once for ten requests at a time', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value(connectionId)
    const reports = await Promise.all(Array.from({ length: 10 }, () => client.$flush()))
    expect(new Set(reports.map(({ generation }) => generation)).size).toBe(1)
    expect(client.$flusher.stats()).toMatchObject({ flushes: 1, failures: 0 })
  })

  stage.test('200 times 50 ms apart under 16 callers: no statement fails or runs twice', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url, max: 4 })
    await client.value('create table entry (id int primary key)')
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
    // Those that came together were one; how many did depends on the machine.
    while (client.$flusher.stats().flushes <= 50) await client.$flush()
    flushing = false
    await Promise.all(callers)
    expect(Number(await client.value('select count(*) from entry'))).toBe(inserted)
    expect(inserted).toBeGreaterThan(200)
    expect(client.$flusher.stats().failures).toBe(0)
  })

  stage.test('never comes for a client that nobody has used yet, and it opens no connection', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { intervalMs: 50 } })
    for (const end = performance.now() + 4 * 50; performance.now() < end; ) {
      expect(await stage.server.backends({ database })).toEqual([])
    }
    expect(client.$flusher.stats()).toMatchObject({ generation: undefined, flushes: 0, connections: 0 })
    await expect(client.value('select 2')).resolves.toBeOneOf([2, 2n])
  })

  stage.test('is not needed by a first use that comes late: it connects as the factory says then', async () => {
    let url = stage.subject.dialect.nowhere
    const client = stage.open({ url: () => url, options: { intervalMs: 30_000 } })
    url = (await stage.database()).url
    later(31_000)
    await expect(client.value('select 2')).resolves.toBeOneOf([2, 2n])
  })

  stage.test('lets a client that nobody uses open no connection for three intervals', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url, options: { intervalMs: 50 } })
    client.$flusher.pause()
    await client.value('select 1')
    const pids = async () => (await stage.server.backends({ database })).map(({ pid }) => pid)
    const used = await eventually(pids, ({ length }) => length === stage.resting(4))
    client.$flusher.resume()
    // That use is worth one flush; after it an eager client keeps what it has, since a fresh one would connect at once.
    const left = stage.subject.eager === undefined ? 0 : stage.resting(4)
    const before = await eventually(pids, (now) => now.length === left && !now.some((pid) => used.includes(pid)))
    const seen = new Set<number>()
    for (const end = performance.now() + 4 * 50; performance.now() < end; ) {
      for (const pid of await pids()) seen.add(pid)
    }
    expect([...seen].sort()).toEqual(before.sort())
    await expect(client.value('select 2')).resolves.toBeOneOf([2, 2n])
  })
})
