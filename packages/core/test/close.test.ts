import { expect, onTestFinished, test } from 'vitest'
import { deferred } from '../src/deferred.ts'
import { createFlusher, type Flusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, ScriptedDriver } from './scripted-driver.ts'

test('a first client that arrives in the very moment of close serves nobody', async () => {
  const { driver, flusher, transcript } = setUp()
  const opened = deferred<FakeClient>()
  driver.open = () => opened.promise
  const refused = expect(flusher.acquire(holder())).rejects.toMatchObject({ code: 'CLOSED' })
  opened.resolve({ id: 1, connections: 0, peers: [] })
  await flusher.close()
  await refused
  expect(transcript).toEqual(['close 1'])
})

test('a flush that waits for a first client that never arrives does not keep close from its end', async () => {
  const { clock, driver, flusher } = setUp()
  driver.onOpen = () => new Promise(() => {})
  const refused = [flusher.acquire(holder()), flusher.flush()].map((asked) => asked.catch(({ code }) => code))
  await settled()
  await flusher.close()
  expect(await Promise.all(refused)).toEqual(['CLOSED', 'CLOSED'])
  expect(clock.timers).toBe(0)
})

test('whatever is asked while it closes is refused at once, however long that takes', async () => {
  const { flusher } = setUp()
  for (let generation = 1; generation <= 3; generation++) {
    await flusher.acquire(holder())
    if (generation < 3) await flusher.flush({ wait: 'swapped' })
  }
  void flusher.close()
  await settled()
  const codes: unknown[] = []
  for (const asked of [flusher.flush(), flusher.hold()]) asked.catch(({ code }) => codes.push(code))
  await settled()
  expect(codes).toEqual(['CLOSED', 'CLOSED'])
})

test('an adapter that fails as it ends what it holds is told of, and keeps nothing from its end', async () => {
  const { driver, flusher, failed, transcript } = setUp()
  Object.assign(driver, { dispose: () => Promise.reject(new Error('still listening')) })
  ;(await flusher.acquire(holder())).release()
  await flusher.close()
  expect(transcript).toEqual(['open 1', 'close 1'])
  expect(failed).toMatchObject([{ reason: 'close', step: 'close', error: { message: 'still listening' } }])
})

test('a fresh client that cannot even be cut is told of; the error of its check is what the caller gets', async () => {
  const { driver, flusher, failed } = setUp()
  driver.onCheck = () => Promise.reject(new Error('no reply'))
  driver.cut = () => {
    throw new Error('no socket')
  }
  await expect(flusher.flush()).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  expect(failed).toMatchObject([
    { reason: 'discard', step: 'close', error: { message: 'no socket' } },
    { reason: 'manual', step: 'check', error: { code: 'CHECK_FAILED' } },
  ])
})

test('a client that arrives late and cannot be closed is told of', async () => {
  const { clock, driver, flusher, failed } = setUp({ checkTimeoutMs: 100 })
  ;(await flusher.acquire(holder())).release()
  const opened = deferred<void>()
  driver.onOpen = () => opened.promise
  driver.onClose = ({ id }) => (id === 2 ? Promise.reject(new Error('no socket')) : undefined)
  const late = flusher.flush().catch(() => {})
  await settled()
  await clock.advance(100)
  await late
  opened.resolve()
  await settled()
  expect(failed.slice(1)).toMatchObject([{ reason: 'late', step: 'close', error: { message: 'no socket' } }])
})

test.each([
  ['a flush', (flusher: Flusher<FakeClient>) => flusher.flush({ deadlineMs: 0 })],
  ['close', (flusher: Flusher<FakeClient>) => flusher.close({ deadlineMs: 0 })],
])(
  '%s that is awaited keeps the process alive while an idle client closes, also past a deadline of 0',
  async (_, end) => {
    const { clock, driver, flusher, transcript } = setUp({ checkTimeoutMs: 200 })
    driver.onClose = ({ id }) => (id === 1 ? new Promise(() => {}) : undefined)
    await flusher.run('query', async () => {})
    const ended = end(flusher)
    await settled()
    await clock.advance(0)
    expect(clock.held).toBe(1)
    await clock.advance(200)
    await ended
    expect(transcript.filter((call) => call === 'cut 1')).toHaveLength(1)
    expect(clock.timers).toBe(0)
  },
)

function setUp(options: Options<FakeClient> = {}) {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false, ...options }, { clock, random: () => 0 })
  const failed: unknown[] = []
  flusher.on('failed', (event) => failed.push(event))
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher, failed, transcript: driver.transcript }
}
