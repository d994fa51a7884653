import { expect } from 'vitest'
import { behaviour, chain } from './behaviour.ts'
import { eventually } from './eventually.ts'

behaviour('close', (stage) => {
  stage.test('twice is the same as once; no connection is left, and later use fails with CLOSED', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value('select 1')
    await Promise.all([client.$flusher.close(), client.$flusher.close()])
    await client.$flusher.close()
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.length === 0,
    )
    const error = await client.value('select 1').then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(chain(error)).toContain('used after $flusher.close()')
    await expect(client.$flush()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  stage.test('by the client’s own end leaves no connection', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value('select 1')
    await client.$flush()
    await client.end()
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.length === 0,
    )
  })
})
