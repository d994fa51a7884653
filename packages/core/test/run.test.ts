import { once } from 'node:events'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { createFlusher } from '../src/flusher.ts'
import { startPeriodicFlush } from '../src/periodic-flush.ts'
import { closeBy, ManualClock } from './manual-clock.ts'
import { ScriptedDriver } from './scripted-driver.ts'

test('work that returns no promise has ended with its call', async () => {
  const { flusher } = setUp()
  await flusher.run('query', async () => {})
  await expect(flusher.run('query', () => 1 as never)).resolves.toBe(1)
  expect(flusher.stats().leases).toBe(0)
})

test('work that throws within its call fails with that, and gives its lease back', async () => {
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false })
  const bug = new Error('a bug of the work')
  const thrown = flusher.run('query', () => {
    throw bug
  })
  await expect(thrown).rejects.toBe(bug)
  expect(flusher.stats().leases).toBe(0)
  await flusher.close()
})

test('a flusher shows how it stands, and nothing of its client', async () => {
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false })
  await flusher.run('query', async () => {})
  const shown = inspect(flusher)
  expect(shown).toMatch(/^Flusher \{\s+name: 'fake',[\s\S]*state: 'open'/)
  expect(shown).not.toContain('FakeClient')
  await flusher[Symbol.asyncDispose]()
  expect(flusher.closed).toBe(true)
})

test('an error that cannot even be looked at reaches its caller, and gives the lease back', async () => {
  const { driver, flusher } = setUp()
  Object.assign(driver, { suspect: (error: { code: string }) => error.code })
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  await flusher.run('query', async () => {})
  const reason = await flusher
    .run('query', () => Promise.reject(proxy))
    .catch((error: unknown) => typeof error === 'object' && error === proxy)
  expect(reason).toBe(true)
  expect(flusher.stats().leases).toBe(0)
})

test('onReport that throws becomes a warning, and the timer goes on', async () => {
  const { clock, flusher } = setUp()
  await flusher.run('query', async () => {})
  const warned = once(process, 'warning')
  let reports = 0
  const running = startPeriodicFlush(
    {
      targets: [{ $flush: (options) => flusher.flush(options), $flusher: flusher }],
      intervalMs: 1_000,
      jitter: 0,
      onReport() {
        reports++
        throw new Error('a bug of onReport')
      },
    },
    clock,
  )
  onTestFinished(() => running.stop())
  await clock.advance(1_000)
  expect(await warned).toMatchObject([{ message: 'a bug of onReport' }])
  await clock.advance(1_000)
  expect(reports).toBe(2)
})

function setUp() {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher }
}
