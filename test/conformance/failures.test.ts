import { gate } from '@periodic-flush/testing'
import { expect } from 'vitest'
import { behaviour } from './behaviour.ts'
import { eventually } from './eventually.ts'

behaviour('failures', (stage) => {
  const cases = [
    ['opening fails', 'OPEN_FAILED'],
    ['no server answers', 'CHECK_FAILED'],
    ['the check fails', 'CHECK_FAILED'],
    ['the check hangs', 'TIMEOUT'],
    ['the server accepts and never answers', 'TIMEOUT'],
  ] as const

  for (const [what, code] of cases)
    stage.test(`${what}: the old client serves on, no connection leaks, the event tells`, async () => {
      const { url, database } = await stage.database()
      await using silent = await gate(stage.server)
      await silent.hang()
      let broken = false
      const client = stage.open({
        url() {
          if (!broken) return url
          if (what === 'the server accepts and never answers') return url.replace(/:\d+\//, `:${silent.port}/`)
          if (what === 'opening fails') throw new Error('no such place')
          return what === 'no server answers' ? stage.subject.dialect.nowhere : url
        },
        options: {
          checkTimeoutMs: 500,
          ...(what === 'the check fails' && { check: () => broken && Promise.reject(new Error('not today')) }),
          ...(what === 'the check hangs' && { check: () => broken && new Promise<never>(() => {}) }),
        },
      })
      await client.value('select 1')
      broken = true
      const failures: unknown[] = []
      client.$flusher.on('failed', ({ error }) => failures.push(error))
      // A client that tries again by itself is still trying when its time is over.
      const codes = what === 'no server answers' ? [code, 'TIMEOUT'] : [code]
      await expect(client.$flush()).rejects.toMatchObject({ code: expect.toBeOneOf(codes) })
      expect(failures).toMatchObject([{ code: expect.toBeOneOf(codes) }])
      await expect(client.value('select 2')).resolves.toBeOneOf([2, 2n])
      await eventually(
        () => stage.server.backends({ database }),
        (backends) => backends.length === stage.resting(4),
      )
      broken = false
      await expect(client.$flush()).resolves.toMatchObject({ drained: true })
    })

  stage.test('a fresh client on a read-only server is refused where a writable one is required', async () => {
    const { url, database } = await stage.database()
    const { readOnly } = stage.subject.dialect
    const client = stage.open({ url: () => url, options: { require: 'writable' } })
    await client.value('create table entry (id int primary key)')
    await readOnly(stage.server, database, true)
    await expect(client.$flush().finally(() => readOnly(stage.server, database, false))).rejects.toMatchObject({
      code: 'READ_ONLY',
    })
    expect(client.$flusher.stats().generation).toBe(1)
    await client.value('insert into entry values (1)')
    await expect(client.$flush()).resolves.toMatchObject({ drained: true })
  })

  stage.test('a factory that returns the same client is found out, and the client serves on', async () => {
    const { url } = await stage.database()
    const client = stage.openSame(url)
    await client.value('select 1')
    await expect(client.$flush()).rejects.toMatchObject({ code: 'SAME_CLIENT' })
    await expect(client.value('select 2')).resolves.toBeOneOf([2, 2n])
  })

  stage.test('timed flushes that fail are tried again, ever further apart, until one succeeds', async () => {
    const { url } = await stage.database()
    let broken = false
    const client = stage.open({
      url() {
        if (broken) throw new Error('no such place')
        return url
      },
      options: { intervalMs: 10, jitter: 0 },
    })
    const times: number[] = []
    client.$flusher.on('failed', () => times.push(performance.now()))
    await client.value('select 1')
    broken = true
    await eventually(
      async () => {
        await client.value('select 1')
        return times.length
      },
      (failures) => failures >= 5,
    )
    // 10, 20, 40 and 80 ms, each halved at most; a timer may fire a millisecond early.
    expect((times[4] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(70)
    broken = false
    const { flushes } = client.$flusher.stats()
    await eventually(
      () => client.$flusher.stats().flushes,
      (now) => now > flushes,
    )
    await expect(client.value('select 3')).resolves.toBeOneOf([3, 3n])
  })
})
