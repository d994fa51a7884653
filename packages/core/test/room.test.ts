import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import type { Admission } from '../src/admission.ts'
import type { FlusherEvents } from '../src/events.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Generation } from '../src/generation.ts'
import { Room } from '../src/room.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { type FakeClient, holder, occupy, ScriptedDriver } from './scripted-driver.ts'

test('however often it looks for room, it listens to the end of its time once, and not any more afterwards', async () => {
  let excess = 1
  const full = { claims: 0, excess: () => excess } as unknown as Admission<FakeClient>
  const busy = { connections: 1, pooled: 1 } as Generation<FakeClient>
  const driver = {
    name: 'full',
    open: () => ({}) as FakeClient,
    check: async () => {},
    close: async () => {},
    cut() {},
  }
  const room = new Room<FakeClient>(driver, full, { vacated() {}, failed() {} })
  const over = new AbortController()
  const claimed = room.claim(busy, over.signal)
  for (let n = 0; n < 20; n++) {
    room.vacated()
    await settled()
  }
  expect(getEventListeners(over.signal, 'abort')).toHaveLength(1)
  over.abort()
  await expect(claimed).resolves.toBe(false)
  const next = new AbortController()
  const granted = room.claim(busy, next.signal)
  excess = 0
  room.vacated()
  await expect(granted).resolves.toBe(true)
  for (const { signal } of [over, next]) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('where a driver closes nothing though a connection is idle, the one that checks comes on top', async () => {
  const { driver, flusher, failed } = setUp(1)
  const straggler = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  driver.shrink = async () => {}
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 3 })
  expect(failed).toEqual([])
  straggler.release()
})

test('where it fails to, that is told, and the flush goes on all the same', async () => {
  const { driver, flusher, failed } = setUp(1)
  const straggler = occupy(await flusher.acquire(holder()), 1)
  await flusher.flush({ wait: 'swapped' })
  driver.shrink = () => Promise.reject(new Error('stuck'))
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ generation: 3 })
  expect(failed).toMatchObject([{ reason: 'make room', step: 'shrink', error: { message: 'stuck' } }])
  straggler.release()
})

test('a fresh client is warmed as long as the old one has an idle connection to spare, and no further', async () => {
  const { driver, flusher } = setUp(3)
  const leases = await busy(flusher, 3)
  leases[0]?.release()
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ warmed: 1 })
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2'])
})

test('where the driver does not tell its connections, the report counts what has been opened', async () => {
  const { flusher } = setUp(3, Object.assign(new ScriptedDriver(), { connections: undefined }))
  const leases = await busy(flusher, 3)
  leases[0]?.release()
  await expect(flusher.flush({ wait: 'swapped' })).resolves.toMatchObject({ warmed: 1 })
})

test.each([
  ['cannot close an idle connection', undefined],
  ['closes none', async () => {}],
])('a client whose driver %s warms within the overlap only', async (_, shrink) => {
  const { driver, flusher, failed } = setUp(3, Object.assign(new ScriptedDriver(), { shrink }))
  for (const lease of await busy(flusher, 3)) lease.release()
  await expect(flusher.flush()).resolves.toMatchObject({ warmed: 1 })
  expect(driver.transcript).toEqual(['open 1', 'open 2', 'check 2', 'close 1'])
  expect(failed).toEqual([])
})

test('what could not be warmed is told, and connects when it is needed', async () => {
  const { driver, flusher, failed } = setUp(3)
  for (const lease of await busy(flusher, 3)) lease.release()
  driver.warm = () => Promise.reject(new Error('too many clients'))
  await expect(flusher.flush()).resolves.toMatchObject({ generation: 2, warmed: 1 })
  expect(failed).toMatchObject([
    { reason: 'warm-up', step: 'warm', error: { name: 'PeriodicFlushError', code: 'OPEN_FAILED' } },
  ])
})

test('close ends a warm-up, and the flush with it', async () => {
  const { driver, flusher, failed } = setUp(3)
  for (const lease of await busy(flusher, 3)) lease.release()
  driver.warm = () => new Promise(() => {})
  const refused = expect(flusher.flush()).rejects.toMatchObject({ code: 'CLOSED' })
  await settled()
  await flusher.close()
  await refused
  expect(failed).toMatchObject([{ reason: 'manual', step: 'warm', error: { code: 'CLOSED' } }])
  expect(driver.transcript.slice(-2)).toEqual(['close 1', 'cut 2'])
})

function setUp(max: number, driver: ScriptedDriver = new ScriptedDriver()) {
  driver.max = max
  const clock = new ManualClock()
  const flusher = createFlusher<FakeClient>(driver, { intervalMs: false }, { clock })
  const failed: FlusherEvents['failed'][] = []
  flusher.on('failed', (event) => failed.push(event))
  onTestFinished(() => closeBy(clock, flusher))
  return { driver, flusher, failed }
}

async function busy(flusher: ReturnType<typeof setUp>['flusher'], connections: number) {
  const leases = []
  for (let n = 1; n <= connections; n++) leases.push(occupy(await flusher.acquire(holder()), n))
  return leases
}
