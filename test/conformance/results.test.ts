import { expect, test } from 'vitest'
import { behaviour } from './behaviour.ts'

const values = `select 1::int2 as int2, 2::int4 as int4, 9007199254740993::int8 as int8, 1.5::float8 as float8,
  12345678901234567890.123::numeric as numeric, true as bool, 'text'::text as text, null::text as nothing,
  '2026-11-24'::date as date, '2026-11-24 01:02:03.456789+00'::timestamptz as timestamptz,
  '{"a": [1, null]}'::jsonb as jsonb, '\\xdeadbeef'::bytea as bytea, array[1, 2, 3]::int4[] as ints,
  array['a', null, 'c']::text[] as texts, '00000000-0000-4000-8000-000000000000'::uuid as uuid`

behaviour('results', (stage) => {
  test('and their types are those of the bare client, before and after a flush', async () => {
    const { url } = await stage.database()
    const bare = stage.subject.bare(url, 1)
    const expected = await bare.row(values)
    await bare.end()
    expect(Object.keys(expected as object)).toHaveLength(15)
    const client = stage.open({ url: () => url })
    expect(await client.row(values)).toEqual(expected)
    await client.$flush()
    expect(await client.row(values)).toEqual(expected)
  })

  test('a failing statement gives the bare client’s own error, and its lease back', async () => {
    const { url } = await stage.database()
    const bare = stage.subject.bare(url, 1)
    const expected = await bare.value('select 1 / 0').catch((error: unknown) => error)
    await bare.end()
    const client = stage.open({ url: () => url })
    const error = await client.value('select 1 / 0').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ message: (expected as Error).message, name: (expected as Error).name })
    expect((error as { code?: string }).code).toBe((expected as { code?: string }).code)
    expect(client.$flusher.stats().leases).toBe(0)
    await expect(client.$flush()).resolves.toMatchObject({ drained: true })
  })
})
