import { describe, expect, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, occupy, ScriptedDriver } from './scripted-driver.ts'

function setUp(options: Options<FakeClient> = {}, driver = new ScriptedDriver()) {
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: false, ...options }, { clock, random: () => 0 })
  return { driver, clock, flusher, transcript: driver.transcript }
}

const never = () => new Promise<never>(() => {})

describe('a flush', () => {
  test('opens, checks, swaps, retires and closes, in this order', async () => {
    const { flusher, transcript } = setUp()
    const lease = await flusher.acquire(holder())
    expect(transcript).toEqual(['open 1'])
    const flushed = flusher.flush()
    await settled()
    expect(flusher.current()?.id).toBe(2)
    expect(transcript).toEqual(['open 1', 'open 2', 'check 2'])
    lease.release()
    const report = await flushed
    expect(transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1'])
    expect(report).toMatchObject({ generation: 2, replaced: 1, drained: true, cut: 0, checked: true, reason: 'manual' })
  })

  test('resolves as soon as the fresh client serves when it is asked to wait for that', async () => {
    const { flusher, clock } = setUp()
    const lease = await flusher.acquire(holder('transaction'))
    const report = await flusher.flush({ wait: 'swapped' })
    expect(report).toMatchObject({ generation: 2, drained: false })
    lease.release()
    await clock.advance(15_000)
    expect(clock.timers).toBe(0)
  })

  test('before the first use opens and checks', async () => {
    const { flusher, transcript } = setUp()
    await expect(flusher.flush()).resolves.toMatchObject({ generation: 1, replaced: undefined, drained: true })
    expect(transcript).toEqual(['open 1', 'check 1'])
  })

  test('is shared by all requests that come before it opens, and followed by one for all that come later', async () => {
    const { flusher, driver, transcript } = setUp()
    ;(await flusher.acquire(holder())).release()
    let opened = () => {}
    driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
    const first = Array.from({ length: 10 }, () => flusher.flush())
    await settled()
    const later = [flusher.flush(), flusher.flush()]
    opened()
    await settled()
    opened()
    expect(new Set((await Promise.all(first)).map(({ generation }) => generation))).toEqual(new Set([2]))
    expect(new Set((await Promise.all(later)).map(({ generation }) => generation))).toEqual(new Set([3]))
    expect(transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1', 'open 3', 'check 3', 'close 2'])
  })

  test('of an unused client opens no connection when a timer asks for it', async () => {
    const { flusher, transcript, driver } = setUp()
    occupy(await flusher.acquire(holder()), 1).release()
    await flusher.flush()
    await flusher.flush({ lazy: true })
    expect(transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1', 'open 3', 'close 2'])
    expect(driver.total).toBe(0)
  })

  test('of an unused client is a whole one if somebody uses that while the fresh one is opened', async () => {
    const { flusher, driver, transcript } = setUp()
    driver.max = 1
    await flusher.flush()
    let opened = () => {}
    driver.onOpen = () => new Promise<void>((resolve) => (opened = resolve))
    const flushed = flusher.flush({ lazy: true, wait: 'swapped' })
    await settled()
    occupy(await flusher.acquire(holder()), 1)
    driver.onCheck = () => Promise.reject(new Error('no route'))
    opened()
    await expect(flushed).rejects.toMatchObject({ code: 'CHECK_FAILED' })
    expect(flusher.stats()).toMatchObject({ generation: 1, leases: 1 })
    expect(transcript).toEqual(['open 1', 'check 1', 'open 2', 'check 2', 'cut 2'])
  })

  test('waits for the oldest when two generations drain already', async () => {
    const { flusher, clock } = setUp({ deadlineMs: 1_000 })
    const held = [await flusher.acquire(holder())]
    for (let n = 2; n <= 3; n++) {
      await flusher.flush({ wait: 'swapped' })
      held.push(await flusher.acquire(holder()))
    }
    const third = flusher.flush({ wait: 'swapped' })
    await settled()
    expect(flusher.stats()).toMatchObject({ generation: 3, retiring: [{ generation: 1 }, { generation: 2 }] })
    held[0]?.release()
    await expect(third).resolves.toMatchObject({ generation: 4 })
    for (const lease of held) lease.release()
    await clock.advance(1_000)
  })
})

describe('a flush of clients that fill themselves at once', () => {
  const eager = () => Object.assign(new ScriptedDriver(), { eager: () => true })

  test('waits for the generation that drains on the same server, until its deadline keeps it', async () => {
    const { flusher, clock } = setUp({ deadlineMs: 1_000 }, eager())
    const lease = await flusher.acquire(holder())
    await flusher.flush({ wait: 'swapped' })
    const second = flusher.flush({ wait: 'swapped' })
    await clock.advance(999)
    expect(flusher.stats()).toMatchObject({ generation: 2, retiring: [{ generation: 1 }] })
    await clock.advance(1)
    await expect(second).resolves.toMatchObject({ generation: 3 })
    lease.release()
  })

  test('does not wait for one that drains on a server that was left', async () => {
    const driver = eager()
    const { flusher, clock } = setUp({ deadlineMs: 1_000 }, driver)
    const lease = occupy(await flusher.acquire(holder()), 1)
    driver.peers_ = ['10.0.0.2:5432']
    await flusher.flush({ wait: 'swapped' })
    await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 3 })
    lease.release()
    await clock.advance(1_000)
  })
})

describe('a fresh client that does not work never replaces one that does', () => {
  const cases: [string, Partial<ScriptedDriver>, Options<FakeClient>, string, string[]][] = [
    ['opening fails', { onOpen: failing('no route') }, {}, 'OPEN_FAILED', ['open 1', 'open 2']],
    ['the check fails', { onCheck: failing('no reply') }, {}, 'CHECK_FAILED', ['open 1', 'open 2', 'check 2', 'cut 2']],
    [
      'the user’s check fails',
      {},
      { check: (client) => client.id === 2 && Promise.reject(new Error('wrong schema')) },
      'CHECK_FAILED',
      ['open 1', 'open 2', 'cut 2'],
    ],
  ]

  test.each(cases)('%s', async (_, script, options, code, transcript) => {
    const { flusher, driver } = setUp(options)
    const lease = await flusher.acquire(holder())
    Object.assign(driver, script)
    const failures: unknown[] = []
    flusher.on('failed', ({ error }) => failures.push(error))
    await expect(flusher.flush()).rejects.toMatchObject({ name: 'PeriodicFlushError', code })
    expect(failures).toMatchObject([{ code }])
    expect(flusher.current()).toBe(lease.client)
    expect(driver.transcript).toEqual(transcript)
    expect(flusher.stats()).toMatchObject({ failures: 1, retiring: [] })
  })

  test('the check hangs: TIMEOUT names the step, and the fresh client is cut', async () => {
    const { flusher, driver, clock, transcript } = setUp({ checkTimeoutMs: 100 })
    ;(await flusher.acquire(holder())).release()
    driver.onCheck = never
    const flushed = flusher.flush()
    const failed = expect(flushed).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining("'check'"),
    })
    await settled()
    await clock.advance(100)
    await failed
    expect(transcript).toEqual(['open 1', 'open 2', 'check 2', 'cut 2'])
  })

  test('opening hangs: a client that arrives late is closed', async () => {
    const { flusher, driver, clock, transcript } = setUp({ checkTimeoutMs: 100 })
    ;(await flusher.acquire(holder())).release()
    let arrive = () => {}
    driver.onOpen = () => new Promise<void>((resolve) => (arrive = resolve))
    const failed = expect(flusher.flush()).rejects.toMatchObject({ code: 'TIMEOUT' })
    await settled()
    await clock.advance(100)
    await failed
    arrive()
    await settled()
    expect(transcript).toEqual(['open 1', 'open 2', 'close 2'])
  })

  test('a factory that returns the same client again is refused, and the client is left alone', async () => {
    const { flusher, driver, transcript } = setUp()
    const { client } = await flusher.acquire(holder())
    driver.open = async () => client
    const failures: unknown[] = []
    flusher.on('failed', (failure) => failures.push(failure))
    const message =
      'fake: the factory returned a client that is already in use; construct a new one in it, so that a flush connects anew'
    await expect(flusher.flush()).rejects.toMatchObject({ code: 'SAME_CLIENT', message })
    expect(failures).toMatchObject([{ step: 'open', error: { code: 'SAME_CLIENT' } }])
    expect(transcript).toEqual(['open 1'])
  })

  test('a read-only server is refused where a writable one is required', async () => {
    const driver = Object.assign(new ScriptedDriver(), { writable: async () => false })
    const { flusher } = setUp({ require: 'writable' }, driver)
    ;(await flusher.acquire(holder())).release()
    const steps: string[] = []
    flusher.on('failed', ({ step }) => steps.push(step))
    await expect(flusher.flush()).rejects.toMatchObject({ code: 'READ_ONLY' })
    expect(steps).toEqual(['check'])
    expect(flusher.stats().generation).toBe(1)
  })
})

describe('at the deadline', () => {
  test('what still runs on the same server is kept and reported, and closes the old client when it ends', async () => {
    const { flusher, clock, transcript } = setUp({ deadlineMs: 1_000 })
    const straggler = holder('transaction')
    const lease = occupy(await flusher.acquire(straggler), 1)
    const flushed = flusher.flush()
    await settled()
    await clock.advance(1_000)
    await expect(flushed).resolves.toMatchObject({
      drained: false,
      cut: 0,
      stragglers: [{ kind: 'transaction', ageMs: 1_000 }],
    })
    expect(straggler.errors).toEqual([])
    lease.release()
    await settled()
    expect(transcript.at(-1)).toBe('close 1')
    expect(clock.timers).toBe(0)
  })

  test('of an old client on two servers, what runs where the fresh one is may end; what is left elsewhere is cut then', async () => {
    const driver = new ScriptedDriver().withRetire()
    const { flusher, clock, transcript } = setUp({ deadlineMs: 1_000 }, driver)
    const [there, here] = [holder(), holder()]
    occupy(await flusher.acquire(there), 1)
    const lease = occupy(await flusher.acquire(here), 2)
    // Its pool has grown since the name has moved.
    const [old] = driver.clients
    if (old === undefined) throw new Error('Expected a client')
    old.peers = ['10.0.0.1:5432', '10.0.0.2:5432']
    driver.peers_ = ['10.0.0.2:5432']
    const flushed = flusher.flush()
    await settled()
    await clock.advance(1_000)
    await expect(flushed).resolves.toMatchObject({ drained: false, cut: 0 })
    expect(transcript).not.toContain('cut 1')
    old.peers = ['10.0.0.1:5432']
    lease.release()
    await settled()
    expect(transcript).toContain('cut 1')
    expect(there.errors).toMatchObject([{ code: 'CUT' }])
    expect(here.errors).toEqual([])
  })

  test.each([
    ['asked to', { onDeadline: 'cut' } as const, ['10.0.0.1:5432']],
    ['the fresh client talks to another server', {}, ['10.0.0.2:5432']],
  ])('it is cut when %s', async (_, options, peers) => {
    const { flusher, clock, driver, transcript } = setUp({ deadlineMs: 1_000, ...options })
    const straggler = holder()
    occupy(await flusher.acquire(straggler), 1)
    driver.peers_ = peers
    const flushed = flusher.flush()
    await settled()
    await clock.advance(1_000)
    await expect(flushed).resolves.toMatchObject({ drained: true, cut: 1 })
    expect(straggler.errors).toMatchObject([{ code: 'CUT', message: expect.stringContaining('outcome is unknown') }])
    expect(transcript.at(-1)).toBe('cut 1')
  })

  test.each([
    ['kept since its server was the same is cut once a later fresh client talks to another', {}, 1],
    ['kept since that was asked for stays', { onDeadline: 'keep' } as const, 0],
  ])('what was %s', async (_, options, errors) => {
    const { flusher, clock, driver, transcript } = setUp({ deadlineMs: 1_000 })
    const straggler = holder()
    occupy(await flusher.acquire(straggler), 1)
    const kept = flusher.flush(options)
    await settled()
    await clock.advance(1_000)
    await expect(kept).resolves.toMatchObject({ drained: false })
    await flusher.flush()
    expect(straggler.errors).toEqual([])
    driver.peers_ = ['10.0.0.2:5432']
    await flusher.flush()
    expect(straggler.errors).toHaveLength(errors)
    expect(transcript.includes('cut 1')).toBe(errors > 0)
  })

  test('a client that does not close is cut', async () => {
    const { flusher, clock, driver, transcript } = setUp({ deadlineMs: 1_000 })
    ;(await flusher.acquire(holder())).release()
    driver.onClose = never
    const flushed = flusher.flush()
    await settled()
    await clock.advance(1_000)
    await expect(flushed).resolves.toMatchObject({ drained: true, cut: 0 })
    expect(transcript.slice(-2)).toEqual(['close 1', 'cut 1'])
  })
})

describe('while generations overlap', () => {
  test('their connections stay within limit + overlap, and whoever waits is served in turn', async () => {
    const { flusher, driver } = setUp({}, Object.assign(new ScriptedDriver(), { max: 3 }))
    const old = []
    for (let n = 1; n <= 3; n++) old.push(occupy(await flusher.acquire(holder()), n))
    await flusher.flush({ wait: 'swapped' })
    const order: number[] = []
    const fresh = [1, 2, 3].map((n) =>
      flusher.acquire(holder()).then((lease) => {
        order.push(n)
        return lease
      }),
    )
    await settled()
    expect(order).toEqual([1])
    expect(driver.total).toBe(4)
    for (const [index, lease] of old.entries()) {
      lease.client.connections--
      lease.release()
      await settled()
      expect(order).toEqual([1, 2, 3].slice(0, index + 2))
    }
    for (const lease of await Promise.all(fresh)) lease.release()
  })

  test('a pipelining client that has fewer connections than it may opens no more than there is room for', async () => {
    const { flusher } = setUp({}, Object.assign(new ScriptedDriver(), { max: 3, pipelines: true }))
    const old = []
    for (let n = 1; n <= 3; n++) old.push(occupy(await flusher.acquire(holder()), n))
    await flusher.flush({ wait: 'swapped' })
    occupy(await flusher.acquire(holder()), 1)
    expect(flusher.tryAcquire(holder())).toBeUndefined()
    for (const lease of old) lease.release()
    await settled()
    expect(flusher.tryAcquire(holder())?.client.id).toBe(2)
  })

  test('two different servers have a limit each, and nothing waits', async () => {
    const { flusher, driver } = setUp({}, Object.assign(new ScriptedDriver(), { max: 2 }))
    for (let n = 1; n <= 2; n++) occupy(await flusher.acquire(holder()), n)
    const waiting = flusher.acquire(holder())
    driver.peers_ = ['10.0.0.2:5432']
    await flusher.flush({ wait: 'swapped' })
    await expect(waiting).resolves.toMatchObject({ client: { id: 2 } })
    await expect(flusher.acquire(holder())).resolves.toMatchObject({ client: { id: 2 } })
  })

  test('room is made in the old client for as many warm connections as were busy at once', async () => {
    const { flusher, transcript } = setUp({}, Object.assign(new ScriptedDriver(), { max: 3 }))
    const leases = []
    for (let n = 1; n <= 3; n++) leases.push(occupy(await flusher.acquire(holder()), n))
    for (const lease of leases) lease.release()
    const report = await flusher.flush()
    expect(report.warmed).toBe(3)
    expect(transcript).toEqual([
      'open 1',
      'open 2',
      'check 2',
      'shrink 1',
      'warm 2 2',
      'shrink 1',
      'warm 3 2',
      'close 1',
    ])
  })

  test('what was not sent yet goes to the fresh generation at the swap', async () => {
    const { flusher } = setUp()
    let recalled = 0
    const first = await flusher.acquire({ kind: 'query', cut: () => {}, recall: () => ++recalled > 0 })
    const sent = await flusher.acquire({ kind: 'query', cut: () => {}, recall: () => false })
    const flushed = flusher.flush()
    await settled()
    expect(recalled).toBe(1)
    expect(flusher.stats().retiring).toMatchObject([{ leases: 1 }])
    first.release()
    expect(flusher.stats().retiring).toMatchObject([{ leases: 1 }])
    sent.release()
    await expect(flushed).resolves.toMatchObject({ drained: true })
  })
})

describe('when everything hangs and no room can be made for a fresh connection', () => {
  /** A kept straggler and a current client whose one connection is busy for ever. */
  async function hung() {
    const driver = Object.assign(new ScriptedDriver(), { max: 1 })
    const set = setUp({ checkTimeoutMs: 100, deadlineMs: 0, onDeadline: 'keep' }, driver)
    occupy(await set.flusher.acquire(holder()), 1)
    await set.flusher.flush({ wait: 'swapped' })
    await set.clock.advance(0)
    occupy(await set.flusher.acquire(holder()), 1)
    return set
  }

  test('a fresh client that reaches another server takes over all the same', async () => {
    const { flusher, driver, clock } = await hung()
    driver.peers_ = ['10.0.0.2:5432']
    const flushed = flusher.flush({ wait: 'swapped' })
    await settled()
    await clock.advance(99)
    expect(flusher.stats().generation).toBe(2)
    await clock.advance(1)
    await expect(flushed).resolves.toMatchObject({ generation: 3, moved: true })
  })

  test('one takes over where the old client has reached nobody: its connections hang before they are made', async () => {
    const { flusher, driver, clock } = await hung()
    for (const client of driver.clients) client.peers = []
    const flushed = flusher.flush({ wait: 'swapped' })
    await settled()
    await clock.advance(99)
    expect(flusher.stats().generation).toBe(2)
    await clock.advance(1)
    await expect(flushed).resolves.toMatchObject({ generation: 3 })
  })

  test('close ends the wait for room, and nothing is opened for it', async () => {
    const { flusher, transcript, clock } = await hung()
    const refused = expect(flusher.flush()).rejects.toMatchObject({ code: 'CLOSED' })
    await settled()
    const closed = flusher.close()
    await refused
    expect(transcript).not.toContain('open 3')
    await clock.advance(0)
    await closed
    expect(clock.timers).toBe(0)
  })

  test('one that reaches the same server is dropped, and the flush fails with TIMEOUT', async () => {
    const { flusher, clock, transcript, driver } = await hung()
    const failures: unknown[] = []
    flusher.on('failed', (failure) => failures.push(failure))
    const failed = expect(flusher.flush()).rejects.toMatchObject({
      code: 'TIMEOUT',
      message:
        "fake: the step 'room' of a flush was not done within 100 ms (checkTimeoutMs): " +
        'every connection that the limit allows is busy, and the fresh client talks to the same server',
    })
    await settled()
    await clock.advance(100)
    await failed
    expect(failures).toMatchObject([{ step: 'room', error: { code: 'TIMEOUT' } }])
    expect(transcript.slice(-3)).toEqual(['open 3', 'check 3', 'cut 3'])
    expect(driver.total).toBe(2)
  })
})

test('a driver that cannot close single connections has its flush wait until a retiring client has made room', async () => {
  const { flusher, transcript } = setUp({}, Object.assign(new ScriptedDriver(), { max: 1, shrink: undefined }))
  const lease = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  const next = flusher.flush({ wait: 'swapped' })
  await settled()
  expect(transcript).toEqual(['open 1', 'open 2', 'check 2'])
  lease.release()
  await expect(next).resolves.toMatchObject({ generation: 3 })
  expect(transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1', 'open 3', 'check 3', 'close 2'])
})

describe('close', () => {
  test('ends everything: waiters fail with CLOSED, running work may finish, no timer is left', async () => {
    const { flusher, clock, transcript } = setUp({ intervalMs: 1_000 }, Object.assign(new ScriptedDriver(), { max: 1 }))
    const lease = await flusher.acquire(holder())
    const waiting = expect(flusher.acquire(holder())).rejects.toMatchObject({ code: 'CLOSED' })
    const closed = flusher.close()
    expect(flusher.close()).toBe(closed)
    await waiting
    expect(transcript).toEqual(['open 1'])
    lease.release()
    await closed
    expect(transcript).toEqual(['open 1', 'close 1'])
    expect(clock.timers).toBe(0)
    expect(() => flusher.tryAcquire(holder())).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    await expect(flusher.flush()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('leaves the client alone until its last work has ended: what was not sent yet has nowhere else to go', async () => {
    const driver = new ScriptedDriver()
    const { flusher, transcript } = setUp({}, driver.withRetire())
    const [first, second] = [await flusher.acquire(holder()), await flusher.acquire(holder())]
    const closed = flusher.close()
    await settled()
    first.release()
    await settled()
    expect(transcript).toEqual(['open 1'])
    second.release()
    await closed
    expect(transcript).toEqual(['open 1', 'close 1'])
  })

  test('cuts what is still running at the deadline', async () => {
    const { flusher, clock } = setUp({ deadlineMs: 500 })
    const straggler = holder()
    await flusher.acquire(straggler)
    const closed = flusher.close()
    await settled()
    await clock.advance(500)
    await closed
    expect(straggler.errors).toMatchObject([{ code: 'CUT' }])
  })

  test('aborts an opening, and closes the client that arrives late', async () => {
    const { flusher, driver, clock, transcript } = setUp()
    ;(await flusher.acquire(holder())).release()
    let arrive = () => {}
    driver.onOpen = () => new Promise<void>((resolve) => (arrive = resolve))
    const failed = expect(flusher.flush()).rejects.toMatchObject({ code: 'CLOSED' })
    await settled()
    await flusher.close()
    await failed
    arrive()
    await settled()
    expect(transcript).toEqual(['open 1', 'open 2', 'close 1', 'close 2'])
    expect(clock.timers).toBe(0)
  })
})

test('an opening by need that fails rejects its callers with the factory’s own error, and the next tries again', async () => {
  const { flusher, driver } = setUp()
  driver.onOpen = failing('no route')
  await expect(flusher.acquire(holder())).rejects.toThrow(/^no route$/)
  driver.onOpen = () => {}
  await expect(flusher.acquire(holder())).resolves.toMatchObject({ client: { id: 2 } })
})

test('a client older than maxAgeMs is flushed by its next use, once for all that wait', async () => {
  const { flusher, clock, transcript } = setUp({ maxAgeMs: 1_000 })
  ;(await flusher.acquire(holder())).release()
  await clock.advance(1_001)
  const leases = await Promise.all([flusher.acquire(holder()), flusher.acquire(holder())])
  expect(leases.map(({ client }) => client.id)).toEqual([2, 2])
  expect(transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1'])
})

test('where a check takes longer than maxAgeMs, those who waited for it are served all the same', async () => {
  const { flusher, clock, driver } = setUp({ maxAgeMs: 1_000 })
  ;(await flusher.acquire(holder())).release()
  await clock.advance(1_001)
  driver.onCheck = () => new Promise<void>((resolve) => clock.after(1_500, false, resolve))
  const client = flusher.acquire(holder()).then((lease) => lease.client.id)
  await settled()
  await clock.advance(1_500)
  expect(await Promise.race([client, settled()])).toBe(2)
  expect(driver.clients).toHaveLength(2)
})

test('a caller that gives up waiting leaves the queue', async () => {
  const { flusher } = setUp({}, Object.assign(new ScriptedDriver(), { max: 1 }))
  const lease = await flusher.acquire(holder())
  const controller = new AbortController()
  const given = expect(flusher.acquire(holder(), { signal: controller.signal })).rejects.toThrow('enough')
  const next = flusher.acquire(holder())
  controller.abort(new Error('enough'))
  await given
  lease.release()
  await expect(next).resolves.toMatchObject({ client: { id: 1 } })
})

test('a caller whose patience is over leaves the queue with TIMEOUT, and its timer is gone either way', async () => {
  const { flusher, clock } = setUp({}, Object.assign(new ScriptedDriver(), { max: 1 }))
  const lease = await flusher.acquire(holder())
  const given = expect(flusher.acquire(holder(), { timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  const next = flusher.acquire(holder(), { timeoutMs: 100 })
  await clock.advance(50)
  await given
  lease.release()
  await next
  expect(clock.timers).toBe(0)
})

function failing(message: string): () => Promise<never> {
  return async () => {
    throw new Error(message)
  }
}

describe('a lease of kind listener', () => {
  test('is had at once beside a full client, waits for nobody, and takes no room of a query', async () => {
    const driver = new ScriptedDriver()
    driver.max = 1
    const { flusher, clock } = setUp({}, driver)
    const first = await flusher.acquire(holder('listener'))
    expect(flusher.stats()).toMatchObject({ leases: 1, connections: 0 })
    const query = occupy(await flusher.acquire(holder()), 1)
    const waiting = flusher.acquire(holder())
    const listener = flusher.tryAcquire(holder('listener'))
    expect(listener?.client.id).toBe(1)
    expect(flusher.stats()).toMatchObject({ leases: 3, connections: 1, waiting: 1 })
    query.release()
    const second = await waiting
    second.release()
    const flushed = flusher.flush({ deadlineMs: 0 })
    await settled()
    await clock.advance(0)
    await expect(flushed).resolves.toMatchObject({
      drained: false,
      stragglers: [{ kind: 'listener' }, { kind: 'listener' }],
    })
    const onFresh = await flusher.acquire(holder('listener'))
    // The one that listens still holds none of the connections that a flush must find room for.
    occupy(await flusher.acquire(holder()), 1).release()
    await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 3 })
    for (const lease of [first, listener, onFresh]) lease?.release()
    await flusher.close()
    expect(clock.timers).toBe(0)
  })

  test('ends as the flusher closes, when the driver is told to end what it holds beside the clients', async () => {
    const driver = new ScriptedDriver()
    const { flusher, transcript, clock } = setUp({}, driver)
    const lease = await flusher.acquire(holder('listener'))
    Object.assign(driver, {
      dispose: async () => {
        transcript.push('dispose')
        lease.release()
      },
    })
    await flusher.close()
    expect(transcript).toEqual(['open 1', 'dispose', 'close 1'])
    expect(clock.timers).toBe(0)
  })
})

describe('for adapters', () => {
  test('within() settles as the work does, and with TIMEOUT when its time is over', async () => {
    const { flusher, clock } = setUp({ checkTimeoutMs: 500 })
    await expect(flusher.within('it', Promise.resolve(1))).resolves.toBe(1)
    await expect(flusher.within('it', Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(clock.timers).toBe(0)
    const late = expect(flusher.within('the hand-over', never())).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'fake: the hand-over was not done within 500 ms (checkTimeoutMs)',
    })
    await clock.advance(500)
    await late
  })

  test('tell() reaches the listeners of that event', () => {
    const { flusher } = setUp()
    const heard: unknown[] = []
    flusher.on('listen-gap', (gap) => heard.push(gap))
    flusher.tell('listen-gap', { name: 'fake', channels: ['news'] })
    expect(heard).toEqual([{ name: 'fake', channels: ['news'] }])
  })
})

test('a driver that fails to count or to say whom it is connected to breaks no query and no flush, and is told of', async () => {
  const bug = new Error('a bug of the driver')
  const driver = new ScriptedDriver()
  driver.connections = driver.peers = () => {
    throw bug
  }
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: false }, { clock, random: () => 0 })
  const told: unknown[] = []
  flusher.on('failed', ({ reason, step, error }) => told.push([reason, step, error]))
  const lease = await flusher.acquire(holder())
  expect(flusher.stats()).toMatchObject({ leases: 1, connections: 1, peers: [] })
  const flushed = flusher.flush()
  await settled()
  const other = await flusher.acquire(holder())
  expect(flusher.stats()).toMatchObject({ generation: 2, leases: 1, retiring: [{ generation: 1, leases: 1 }] })
  lease.release()
  await expect(flushed).resolves.toMatchObject({ generation: 2, drained: true, moved: false, warmed: 1 })
  other.release()
  await flusher.close()
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1', 'close 2'])
  // Once for each client.
  const each = [
    ['connections', 'tell', bug],
    ['peers', 'tell', bug],
  ]
  expect(told.toSorted()).toEqual([...each, ...each].toSorted())
})
