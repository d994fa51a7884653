import { expect } from 'vitest'
import { behaviour } from './behaviour.ts'

behaviour('transactions', (stage) => {
  const { connectionId } = stage.subject.dialect

  stage.test('that straddle three flushes commit atomically, on one backend', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value('create table entry (id int primary key)')
    const pids = await client.transaction(async (tx) => {
      const seen = [await tx.value(connectionId)]
      for (let id = 1; id <= 3; id++) {
        await tx.value(`insert into entry values (${id})`)
        expect((await client.$flush({ wait: 'swapped' })).drained).toBe(false)
        expect(Number(await client.value('select count(*) from entry'))).toBe(0)
        seen.push(await tx.value(connectionId))
      }
      return seen
    })
    expect(new Set(pids).size).toBe(1)
    expect(Number(await client.value('select count(*) from entry'))).toBe(3)
    expect(await client.value(connectionId)).not.toBe(pids[0])
  })

  stage.test('that roll back across a flush leave nothing behind', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value('create table entry (id int primary key)')
    const changed = new Error('changed my mind')
    await expect(
      client.transaction(async (tx) => {
        await tx.value('insert into entry values (1)')
        await client.$flush({ wait: 'swapped' })
        throw changed
      }),
    ).rejects.toBe(changed)
    expect(Number(await client.value('select count(*) from entry'))).toBe(0)
    await expect(client.$flush()).resolves.toMatchObject({ drained: true })
  })
})
