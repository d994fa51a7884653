import { expect } from 'vitest'
import { behaviour, chain } from './behaviour.ts'
import { eventually } from './eventually.ts'

behaviour('move', (stage) => {
  const { servedBy } = stage.subject.dialect

  stage.test('queries follow a name that moves with the next timed flush, and none fails', async () => {
    const pair = await stage.pair()
    const url = pair.url()
    const client = stage.open({ url: () => url, options: { intervalMs: 200 } })
    expect(await client.value(servedBy)).toBe('127.0.0.1')
    pair.moveTo('green')
    await eventually(
      () => client.value(servedBy),
      (address) => address === '127.0.0.2',
    )
    await eventually(
      () => pair.blue.backends(),
      (backends) => backends.length === 0,
    )
    expect(client.$flusher.stats().failures).toBe(0)
  })

  stage.test(
    'when the server freezes and the name moves, service returns with the next flush, also for those who wait',
    async () => {
      const pair = await stage.pair()
      const url = pair.url()
      const client = stage.open({ url: () => url, max: 2, options: { deadlineMs: 300 } })
      await Promise.all([client.value(servedBy), client.value(servedBy)])
      await pair.blue.freeze()
      const hanging = [1, 2].map(() => client.transaction((tx) => tx.value(servedBy)).then(() => 'answered', chain))
      await eventually(
        () => client.$flusher.stats().leases,
        (leases) => leases === 2,
      )
      const waiting = client.transaction((tx) => tx.value(servedBy))
      pair.moveTo('green')
      const report = client.$flush()
      await expect(waiting).resolves.toBe('127.0.0.2')
      await expect(client.value(servedBy)).resolves.toBe('127.0.0.2')
      await expect(report).resolves.toMatchObject({ moved: true, cut: 2, drained: true })
      for (const outcome of await Promise.all(hanging)) expect(outcome).toContain('outcome is unknown')
    },
  )
})
