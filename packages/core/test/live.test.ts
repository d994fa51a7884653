import { expect, onTestFinished, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import { statsOfAll } from '../src/live.ts'
import { flushAll } from '../src/target.ts'
import { closeBy, ManualClock } from './manual-clock.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

// These see every flusher of the process: no other file may share theirs.

test('flushAll without targets flushes every client that is in use, and reports each', async () => {
  const [one, two, unused, closed] = [create('one'), create('two'), create('unused'), create('closed')]
  for (const { flusher } of [one, two, closed]) (await flusher.acquire(holder())).release()
  await closed.flusher.close()
  two.driver.onOpen = () => Promise.reject(new Error('no route'))
  await expect(flushAll()).resolves.toMatchObject([
    { name: 'one', status: 'flushed', report: { generation: 2 } },
    { name: 'two', status: 'failed', error: { code: 'OPEN_FAILED' } },
  ])
  expect(unused.flusher.stats().state).toBe('idle')
})

test('statsOfAll tells of every flusher from its first use until it is closed', async () => {
  const clock = new ManualClock()
  const [first, second] = [create('first', clock).flusher, create('second', clock).flusher]
  create('unused', clock)
  const lease = await first.acquire(holder())
  ;(await second.acquire(holder())).release()
  await clock.advance(250)
  expect(statsOfAll()).toMatchObject([
    { name: 'first', ageMs: 250, limit: 10, leases: 1 },
    { name: 'second', ageMs: 250, limit: 10, leases: 0 },
  ])
  const swapped = new Promise((resolve) => first.on('swap', resolve))
  await first.flush({ wait: 'swapped' })
  await expect(swapped).resolves.toMatchObject({ leases: 1 })
  expect(statsOfAll()).toMatchObject([{ ageMs: 0, leases: 0, retiring: [{ leases: 1 }] }, {}])
  lease.release()
  await Promise.all([first.close(), second.close()])
  expect(statsOfAll()).toEqual([])
})

function create(name: string, clock = new ManualClock()) {
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { name, intervalMs: false }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  return { driver, flusher }
}
