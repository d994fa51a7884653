import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { Admission } from '../src/admission.ts'
import type { Generation } from '../src/generation.ts'
import { Room } from '../src/room.ts'
import { settled } from './manual-clock.ts'
import type { FakeClient } from './scripted-driver.ts'

test('however often it looks for room, it listens to the end of its time once, and not any more afterwards', async () => {
  const full = { claims: 0, excess: () => 1 } as unknown as Admission<FakeClient>
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
  expect(getEventListeners(over.signal, 'abort')).toHaveLength(0)
})
