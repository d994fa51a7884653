import { expect, onTestFinished, test } from 'vitest'
import type { FlusherEvents } from '../src/events.ts'
import { createFlusher } from '../src/flusher.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, ScriptedDriver } from './scripted-driver.ts'

test('a client that is replaced closes what is idle at once, and again as its leases end', async () => {
  const { driver, flusher } = setUp(new ScriptedDriver().withRetire())
  const leases = await Promise.all([1, 2, 3].map(() => flusher.acquire(holder())))
  await flusher.flush({ wait: 'swapped' })
  await settled()
  const retired = () => driver.transcript.filter((call) => /^(retire|close)/.test(call))
  expect(retired()).toEqual(['retire 1'])
  // Leases that end together are one burst.
  leases[0]?.release()
  leases[1]?.release()
  await settled()
  expect(retired()).toEqual(['retire 1', 'retire 1'])
  leases[2]?.release()
  await settled()
  expect(retired()).toEqual(['retire 1', 'retire 1', 'close 1'])
})

test('the last client is not told to retire: it closes once nothing runs', async () => {
  const { driver, flusher } = setUp(new ScriptedDriver().withRetire())
  const [first, second] = await Promise.all([flusher.acquire(holder()), flusher.acquire(holder())])
  const closed = flusher.close()
  await settled()
  first.release()
  await settled()
  second.release()
  await closed
  expect(driver.transcript).toEqual(['open 1', 'close 1'])
})

test('tidying up that fails is told, and keeps no flush from its end', async () => {
  const bug = new Error('no route to postgres://me:s3cret@db/app')
  const driver = Object.assign(new ScriptedDriver(), { retire: () => Promise.reject(bug) })
  driver.onClose = () => Promise.reject(bug)
  const { flusher, told } = setUp(driver)
  const lease = await flusher.acquire(holder())
  const flushed = flusher.flush()
  await settled()
  lease.release()
  await expect(flushed).resolves.toMatchObject({ drained: true, stragglers: [] })
  const error = expect.objectContaining({ message: 'no route to postgres://***@db/app' })
  expect(told.failed).toEqual([
    { name: 'fake', reason: 'retire', step: 'retire', error },
    { name: 'fake', reason: 'retire', step: 'close', error },
  ])
  expect(told.retired).toHaveLength(1)
})

test('a client that cannot even be cut is told of, and is gone', async () => {
  const driver = new ScriptedDriver()
  driver.cut = () => {
    throw new Error('no socket')
  }
  const { clock, flusher, told } = setUp(driver)
  await flusher.acquire(holder())
  const flushed = flusher.flush({ deadlineMs: 0, onDeadline: 'cut' })
  await settled()
  await clock.advance(0)
  await expect(flushed).resolves.toMatchObject({ drained: true, cut: 1 })
  const error = expect.objectContaining({ message: 'no socket' })
  expect(told.failed).toEqual([{ name: 'fake', reason: 'retire', step: 'close', error }])
  expect(flusher.stats().retiring).toEqual([])
})

test('the events of a client that goes say which it was, how old, and what it took along', async () => {
  const { clock, flusher, told } = setUp()
  await clock.advance(1_000)
  await flusher.acquire(holder('transaction'))
  await clock.advance(5_000)
  await flusher.flush({ deadlineMs: 0, onDeadline: 'cut', wait: 'swapped' })
  await clock.advance(0)
  expect(told.cut).toEqual([{ name: 'fake', generation: 1, stragglers: [{ kind: 'transaction', ageMs: 5_000 }] }])
  expect(told.retired).toEqual([{ name: 'fake', generation: 1, ageMs: 5_000 }])
})

test('a client that does not come to its end is dropped at the deadline, and told once', async () => {
  const { clock, driver, flusher, told } = setUp()
  await flusher.run('query', async () => {})
  driver.onClose = ({ id }) => (id === 1 ? new Promise(() => {}) : undefined)
  const flushed = flusher.flush({ deadlineMs: 300 })
  await settled()
  await clock.advance(299)
  expect(driver.transcript).not.toContain('cut 1')
  await clock.advance(1)
  await expect(flushed).resolves.toMatchObject({ drained: true, cut: 0 })
  expect(driver.transcript.filter((call) => call === 'cut 1')).toHaveLength(1)
  expect(told.retired).toHaveLength(1)
})

function setUp(driver: ScriptedDriver = new ScriptedDriver()) {
  const clock = new ManualClock()
  const flusher = createFlusher<FakeClient>(driver, { intervalMs: false }, { clock })
  const told: { [Event in 'failed' | 'retired' | 'cut']: FlusherEvents[Event][] } = { failed: [], retired: [], cut: [] }
  for (const event of ['failed', 'retired', 'cut'] as const) {
    flusher.on(event, (payload) => (told[event] as unknown[]).push(payload))
  }
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher, told }
}
