import { expect, onTestFinished, test } from 'vitest'
import { type Deferred, deferred } from '../src/deferred.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Lease } from '../src/generation.ts'
import { closeBy, ManualClock } from './manual-clock.ts'
import { type FakeClient, holder, ScriptedDriver } from './scripted-driver.ts'

/** A client with two connections, of which each is closed as its lease ends, for as long as `closes` says so. */
class Closing extends ScriptedDriver {
  override max = 2
  closes = true
  readonly closings: Deferred<void>[] = []

  parting(client: FakeClient): Promise<void> | undefined {
    if (!this.closes) return undefined
    const closing = deferred<void>()
    this.closings.push(closing)
    const gone = () => void client.connections--
    return closing.promise.finally(gone)
  }
}

function made() {
  const clock = new ManualClock()
  const driver = new Closing()
  const flusher = createFlusher<FakeClient>(driver, { intervalMs: false, checkTimeoutMs: 1_000 }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  const leased = async (): Promise<Lease<FakeClient>> => {
    const lease = await flusher.acquire(holder())
    lease.client.connections = Math.max(lease.client.connections, flusher.stats().leases)
    return lease
  }
  return { clock, driver, flusher, leased }
}

test('a connection that the client closes by itself keeps its place until it is closed', async () => {
  const { clock, driver, flusher, leased } = made()
  const [first, second] = [await leased(), await leased()]
  const [third, fourth] = [leased(), leased()]
  first.release()
  second.release()
  await clock.advance(0)
  expect(flusher.stats()).toMatchObject({ leases: 0, waiting: 2, connections: 2 })
  driver.closings[0]?.resolve()
  await third
  expect(flusher.stats()).toMatchObject({ leases: 1, waiting: 1 })
  driver.closings[1]?.reject(new Error('it was reset'))
  await fourth
  expect(flusher.stats()).toMatchObject({ leases: 2, waiting: 0 })
  expect(clock.timers).toBe(0)
})

test('for no longer than `checkTimeoutMs`, and then no other loses its place by it', async () => {
  const { clock, driver, flusher, leased } = made()
  const [first, second] = [await leased(), await leased()]
  const third = leased()
  first.release()
  await clock.advance(999)
  expect({ ...flusher.stats(), held: clock.held }).toMatchObject({ leases: 1, waiting: 1, held: 0 })
  await clock.advance(1)
  await third
  expect(flusher.stats()).toMatchObject({ leases: 2, waiting: 0 })
  driver.closings[0]?.resolve()
  await clock.advance(0)
  expect(flusher.tryAcquire(holder())).toBeUndefined()
  second.release()
  expect(flusher.tryAcquire(holder())).toBeUndefined()
})

test('a flush waits for it, rather than taking it for one that idles and can be closed', async () => {
  const { clock, driver, flusher, leased } = made()
  // Limit and overlap are three: one of the client before, which is busy, and two of this one.
  const straggler = await leased()
  await flusher.flush({ wait: 'swapped' })
  const leases = [await leased(), await leased()]
  leases[0]?.release()
  driver.closes = false
  const flushed = flusher.flush({ wait: 'swapped' })
  await clock.advance(500)
  expect(driver.transcript).not.toContain('open 3')
  driver.closings[0]?.resolve()
  await flushed
  expect(driver.total).toBe(3)
  expect(driver.transcript.filter((call) => call.startsWith('shrink'))).toEqual([])
  straggler.release()
  leases[1]?.release()
})

test('close leaves no timer for one that never closes', async () => {
  const { clock, flusher, leased } = made()
  const lease = await leased()
  lease.release()
  expect(clock.timers).toBe(1)
  await flusher.close()
  expect(clock.timers).toBe(0)
})

test('while two clients overlap it counts too', async () => {
  const { clock, driver, flusher, leased } = made()
  const stragglers = [await leased(), await leased()]
  await flusher.flush({ wait: 'swapped' })
  const first = await leased()
  const second = leased()
  first.release()
  await clock.advance(0)
  expect(flusher.stats()).toMatchObject({ leases: 0, waiting: 1 })
  driver.closings[0]?.resolve()
  await second
  driver.closes = false
  for (const straggler of stragglers) straggler.release()
})
