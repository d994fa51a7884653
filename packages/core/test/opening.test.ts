import { expect, onTestFinished, test } from 'vitest'
import { PeriodicFlushError } from '../src/errors.ts'
import { createFlusher } from '../src/flusher.ts'
import type { Options } from '../src/options.ts'
import { closeBy, ManualClock, settled } from './manual-clock.ts'
import { ScriptedDriver } from './scripted-driver.ts'

const bug = new Error('no route to postgres://me:s3cret@db/app')

test('a factory that fails is told in words of its own, with the cause, both without the password', async () => {
  const { driver, flusher } = setUp()
  driver.onOpen = () => Promise.reject(bug)
  const error = await flusher.flush().catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    code: 'OPEN_FAILED',
    message: 'fake: no fresh client could be opened: no route to postgres://***@db/app',
    cause: { message: 'no route to postgres://***@db/app' },
  })
})

test('a check that fails is told as that step', async () => {
  const { driver, flusher } = setUp()
  driver.onCheck = () => Promise.reject(bug)
  await expect(flusher.flush()).rejects.toMatchObject({
    code: 'CHECK_FAILED',
    message: "fake: the step 'check' of a flush failed: no route to postgres://***@db/app",
  })
})

test('an error of ours stays as it is', async () => {
  const { driver, flusher } = setUp()
  const own = new PeriodicFlushError('UNSUPPORTED_CLIENT', 'Expected the factory to return a new pool, got null')
  driver.onOpen = () => Promise.reject(own)
  await expect(flusher.flush()).rejects.toBe(own)
})

test.each([
  { require: 'any', writable: async () => false, flushed: true },
  { require: 'writable', writable: async () => true, flushed: true },
  { require: 'writable', writable: undefined, flushed: true },
  { require: 'writable', writable: async () => false, flushed: false },
] as const)(
  '$require server, $writable: whether it is put in service: $flushed',
  async ({ require, writable, flushed }) => {
    const { flusher } = setUp({ require }, Object.assign(new ScriptedDriver(), writable && { writable }))
    const done = flusher.flush({ wait: 'swapped' })
    if (flushed) await expect(done).resolves.toMatchObject({ generation: 1 })
    else await expect(done).rejects.toMatchObject({ code: 'READ_ONLY', message: 'fake: the fresh client is read-only' })
  },
)

test('a step that takes too long is named', async () => {
  const { clock, driver, flusher } = setUp({ checkTimeoutMs: 200 })
  driver.onCheck = () => new Promise(() => {})
  const late = expect(flusher.flush()).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: "fake: the step 'check' of a flush was not done within 200 ms (checkTimeoutMs)",
  })
  await settled()
  await clock.advance(200)
  await late
})

function setUp(options: Options = {}, driver = new ScriptedDriver()) {
  const clock = new ManualClock()
  const flusher = createFlusher(driver, { intervalMs: false, ...options }, { clock })
  onTestFinished(() => closeBy(clock, flusher))
  return { clock, driver, flusher }
}
