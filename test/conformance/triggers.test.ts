import { failover, flushAll, type Lookup, nameMoved, signal } from '@periodic-flush/core'
import { expect } from 'vitest'
import { behaviour, chain } from './behaviour.ts'
import { eventually } from './eventually.ts'
import type { Client, Runner } from './subject.ts'

const reasonsOf = (client: Client): string[] => {
  const reasons: string[] = []
  client.$flusher.on('swap', ({ reason }) => reasons.push(reason))
  return reasons
}

behaviour('triggers', (stage) => {
  const { dialect } = stage.subject

  stage.test('nameMoved: queries follow the name as soon as it has moved, without any timer of ours', async () => {
    const pair = await stage.pair()
    const url = pair.url()
    const trigger = nameMoved({ pollMs: 20, settleMs: 100, ...stage.endpoints(url) })
    const client = stage.open({ url: () => url, options: { triggers: [trigger], minGapMs: 0 } })
    const reasons = reasonsOf(client)
    expect(await client.value(dialect.servedBy)).toBe('127.0.0.1')
    pair.moveTo('green')
    await eventually(
      () => reasons,
      (all) => all.some((reason) => reason.includes('name settled')),
    )
    expect(await client.value(dialect.servedBy)).toBe('127.0.0.2')
    await eventually(
      () => pair.blue.backends(),
      (backends) => backends.length === 0,
    )
    // A flush that takes longer than `settleMs`, as on a busy machine, is followed by another one for the same move.
    expect(reasons[0]).toBe('name moved')
    expect(reasons.findIndex((reason) => reason !== 'name moved')).toBe(reasons.length - 1)
    expect(client.$flusher.stats().failures).toBe(0)
  })

  stage.test('nameMoved: look-ups that fail, are empty, flap or never return disturb nobody', async () => {
    const { url, database } = await stage.database()
    const { hostname } = new URL(url)
    let answer: () => ReturnType<Lookup> = () => Promise.resolve([{ address: hostname }])
    let asked = 0
    const lookup: Lookup = () => {
      asked++
      return answer()
    }
    const polls = (count: number) => {
      const end = asked + count
      return eventually(
        () => asked,
        (now) => now >= end,
      )
    }
    const trigger = nameMoved({ pollMs: 2, settleMs: 60_000, lookup, endpoints: [{ host: 'db' }] })
    const client = stage.open({ url: () => url, options: { triggers: [trigger], minGapMs: 0 } })
    const reasons = reasonsOf(client)
    const told: unknown[] = []
    client.$flusher.on('failed', ({ reason, step }) => told.push([reason, step]))
    const failing = (error: string) => () => Promise.reject(Object.assign(new Error(error), { code: error }))
    await client.value('select 1')
    await polls(5)
    for (const next of [failing('ENOTFOUND'), failing('ESERVFAIL'), () => Promise.resolve([])]) {
      answer = next
      await polls(5)
    }
    expect(reasons).toEqual([])
    expect(told).toEqual([['name-moved', 'trigger']])
    // Flaps: one move, and no more of them until it has settled.
    let flaps = 0
    answer = () => Promise.resolve([{ address: flaps++ % 2 === 0 ? '192.0.2.1' : hostname }])
    await eventually(
      () => reasons,
      (all) => all.length > 0,
    )
    await polls(20)
    expect(reasons).toEqual(['name moved'])
    answer = () => new Promise(() => {})
    await polls(1)
    const hung = asked
    await expect(client.$flush()).resolves.toMatchObject({ drained: true })
    await expect(client.value('select 1')).resolves.toBeOneOf([1, 1n])
    expect(asked).toBe(hung)
    await client.end()
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.length === 0,
    )
  })

  stage.test('failover: an error that tells of a dead server flushes, and reaches its caller as it is', async () => {
    const { url, database } = await stage.database()
    /** What a statement fails with when its connection is killed. */
    const killed = async (asked: Runner): Promise<string> => {
      const failed = asked.value(dialect.sleep).then(() => 'answered', chain)
      await eventually(
        () => stage.server.backends({ database }),
        (backends) => backends.some(({ query, state }) => state === 'active' && query.includes('sleep')),
      )
      await stage.server.killBackends({ database })
      return failed
    }
    const client = stage.open({ url: () => url, options: { triggers: [failover()] } })
    const reasons = reasonsOf(client)
    await client.value('select 1')
    const words = await killed(client)
    expect(words).toMatch(/terminat|kill|interrupt|lost|closed|reset/i)
    expect(words).not.toContain('outcome is unknown')
    await eventually(
      () => reasons,
      (all) => all.some((reason) => /^failover: (shutdown|lost)/.test(reason)),
    )
    await expect(client.value('select 1')).resolves.toBeOneOf([1, 1n])
  })

  stage.test(
    'failover: a read-only error flushes until a server takes writes again, and nothing is sent twice',
    async () => {
      const { database } = await stage.database()
      const { readOnly } = dialect
      const url = await dialect.writer(stage.server, database)
      const client = stage.open({ url: () => url, options: { triggers: [failover()], minGapMs: 1 } })
      const reasons = reasonsOf(client)
      await client.value('create table entry (id int)')
      await readOnly(stage.server, database, true)
      // On PostgreSQL it counts for connections that are made from now on.
      await client.$flush()
      // Also where the caller catches it, inside a transaction.
      let refused = 'not asked'
      await client
        .transaction(async (tx) => {
          refused = await tx.value('insert into entry values (1)').then(() => 'written', chain)
        })
        .catch(() => {})
      await eventually(
        () => reasons,
        (all) => all.some((reason) => reason.startsWith('failover: read-only')),
      ).finally(() => readOnly(stage.server, database, false))
      expect(refused).toMatch(/read.only/i)
      await eventually(
        () => client.value('insert into entry values (2)').then(() => 'written', chain),
        (outcome) => outcome === 'written',
      )
      expect(await stage.server.query('select id from entry', [], database)).toEqual([{ id: 2 }])
    },
  )

  stage.test('failover: a transaction that its owner made read-only is none', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url, options: { triggers: [failover()], minGapMs: 1 } })
    const reasons = reasonsOf(client)
    await client.value('create table entry (id int)')
    const refused = await client
      .transaction(async (tx) => {
        for (const statement of dialect.mayNotWrite) await tx.value(statement)
        return tx.value('insert into entry values (1)')
      })
      .then(() => 'written', chain)
    expect(refused).toMatch(/read.only/i)
    // The server has been asked when no lease is left.
    await eventually(
      () => client.$flusher.stats(),
      ({ leases, waiting }) => leases === 0 && waiting === 0,
    )
    await client.$flush()
    expect(reasons).toEqual(['manual'])
  })

  stage.test(
    'signal: one that is sent to the process flushes, and so does flushAll for all that is in use',
    async () => {
      const { url } = await stage.database()
      // Whoever does not listen to it ignores this one.
      const client = stage.open({ url: () => url, options: { triggers: [signal('SIGWINCH')] } })
      const reasons = reasonsOf(client)
      await client.value('select 1')
      process.kill(process.pid, 'SIGWINCH')
      await eventually(
        () => reasons,
        (all) => all.length > 0,
      )
      const { name } = client.$flusher
      const report = { name, replaced: 2, generation: 3, drained: true }
      await expect(flushAll()).resolves.toMatchObject([{ name, status: 'flushed', report }])
      expect(reasons).toEqual(['signal SIGWINCH', 'manual'])
    },
  )

  stage.test('maxAgeMs: without any timer, whoever uses an old generation flushes it first', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url, options: { maxAgeMs: 20 } })
    const reasons = reasonsOf(client)
    const first = await client.value(dialect.connectionId)
    // A pool may have other connections, so that only a flush tells.
    const used = async () => {
      await client.value(dialect.connectionId)
      return reasons
    }
    await eventually(used, (all) => all.length > 0)
    expect(await client.value(dialect.connectionId)).not.toBe(first)
    expect(new Set(reasons)).toEqual(new Set(['max-age']))
  })

  stage.test('a hard flush cuts what runs, and is over at once', async () => {
    const { url, database } = await stage.database()
    const client = stage.open({ url: () => url })
    await client.value('select 1')
    const cut = client.value(dialect.sleep).then(() => 'answered', chain)
    await eventually(
      () => stage.server.backends({ database }),
      (backends) => backends.some(({ query }) => query.includes('sleep')),
    )
    const report = await client.$flush({ deadlineMs: 0, onDeadline: 'cut' })
    expect(report).toMatchObject({ cut: 1, drained: true })
    expect(await cut).toContain('outcome is unknown')
    await expect(client.value('select 1')).resolves.toBeOneOf([1, 1n])
    await stage.server.killBackends({ database })
  })

  stage.test('a hold: new work waits, running work ends, and old and new do not mix', async () => {
    const { url } = await stage.database()
    const client = stage.open({ url: () => url })
    const order: string[] = []
    let begun = () => {}
    let finish = () => {}
    const inside = new Promise<void>((resolve) => (begun = resolve))
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const old = client.transaction(async (tx) => {
      const id = await tx.value(dialect.connectionId)
      begun()
      await finished
      await tx.value('select 1')
      order.push('transaction')
      return id
    })
    await inside
    const held = client.$flusher.hold().then((report) => {
      order.push('swap')
      return report
    })
    const late = client.value(dialect.connectionId).then((id) => {
      order.push('late')
      return id
    })
    finish()
    await expect(held).resolves.toMatchObject({ reason: 'hold', cut: 0 })
    expect(await late).not.toEqual(await old)
    expect(order).toEqual(['transaction', 'swap', 'late'])
  })
})
