import { expect, test } from 'vitest'
import { behaviour } from './behaviour.ts'

behaviour('growth', (stage) => {
  test('1,000 flushes leave no listener and no warning behind', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url, max: 2 })
    const warnings: Error[] = []
    const warn = (warning: Error) => warnings.push(warning)
    process.on('warning', warn)
    await client.value('select 1')
    await client.$flush()
    const count = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)])
    const before = count()
    for (let n = 0; n < 1_000; n++) {
      await client.value('select 1')
      await client.$flush()
    }
    expect(count()).toEqual(before)
    process.off('warning', warn)
    expect(warnings).toEqual([])
    expect(client.$flusher.stats()).toMatchObject({ generation: 1_002, retiring: [], leases: 0 })
  })
})
