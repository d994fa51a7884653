import { expect } from 'vitest'
import { behaviour } from './behaviour.ts'

behaviour('results', (stage) => {
  const { everyType } = stage.subject.dialect

  stage.test('and their types are those of the bare client, before and after a flush', async () => {
    const { url } = await stage.database()
    const bare = stage.bare(url)
    const expected = await bare.row(everyType)
    await bare.end()
    expect(Object.keys(expected as object).length).toBeGreaterThan(10)
    const client = stage.open({ url: () => url })
    expect(await client.row(everyType)).toEqual(expected)
    await client.$flush()
    expect(await client.row(everyType)).toEqual(expected)
  })

  stage.test('a failing statement gives the bare client’s own error, and its lease back', async () => {
    const { url } = await stage.database()
    const bare = stage.bare(url)
    const expected = await bare.value('select no_such_column').catch((error: unknown) => error)
    await bare.end()
    const client = stage.open({ url: () => url })
    const error = await client.value('select no_such_column').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ message: (expected as Error).message, name: (expected as Error).name })
    expect((error as { code?: string }).code).toBe((expected as { code?: string }).code)
    expect(client.$flusher.stats().leases).toBe(0)
    await expect(client.$flush()).resolves.toMatchObject({ drained: true })
  })
})
