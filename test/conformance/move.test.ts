import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import { afterEach, expect, test } from 'vitest'
import { behaviour, chain, eventually } from './behaviour.ts'

const servedBy = 'select host(inet_server_addr())'

behaviour('move', (stage) => {
  let pair: FailoverPair | undefined
  afterEach(() => pair?.stop())

  test('queries follow a name that moves with the next timed flush, and none fails', async () => {
    pair = await failoverPair()
    const url = pair.url()
    const client = stage.open({ url: () => url, options: { intervalMs: 200 } })
    expect(await client.value(servedBy)).toBe('127.0.0.1')
    pair.moveTo('green')
    await eventually(
      () => client.value(servedBy),
      (address) => address === '127.0.0.2',
    )
    const { blue } = pair
    await eventually(
      () => blue.backends(),
      (backends) => backends.length === 0,
    )
    expect(client.$flusher.stats().failures).toBe(0)
  })

  test('when the server freezes and the name moves, service returns with the next flush, also for those who wait', async () => {
    pair = await failoverPair()
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
    await pair.blue.thaw()
  })
})
