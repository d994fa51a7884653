import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { messageOf, withoutCredentials } from '../src/credentials.ts'
import { createFlusher } from '../src/flusher.ts'
import { failover, nameMoved, signal } from '../src/index.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

const wrong: [Record<string, unknown>, typeof TypeError | typeof RangeError, string][] = [
  [{ intervalms: 1 }, TypeError, 'Unknown option `intervalms`; expected one of intervalMs, '],
  [{ toString: 1 }, TypeError, 'Unknown option `toString`'],
  [{ intervalMs: '30' }, TypeError, "Expected `intervalMs` to be a number from 1 to 2147483647, or false, got '30'"],
  [{ intervalMs: -1 }, RangeError, 'got -1'],
  [{ intervalMs: Number.NaN }, RangeError, 'got NaN'],
  [{ intervalMs: 2 ** 31 }, RangeError, 'got 2147483648'],
  [{ jitter: 1.1 }, RangeError, 'Expected `jitter` to be a number from 0 to 1, got 1.1'],
  [{ deadlineMs: false }, TypeError, 'Expected `deadlineMs` to be a number from 0 to 2147483647, got false'],
  [{ onDeadline: 'kill' }, RangeError, "Expected `onDeadline` to be 'auto' or 'keep' or 'cut', got 'kill'"],
  [{ overlap: 0 }, RangeError, 'Expected `overlap` to be a whole number from 1, got 0'],
  [{ overlap: 1.5 }, RangeError, 'got 1.5'],
  [{ triggers: [{}] }, TypeError, 'Expected `triggers` to be an array of triggers, got an object at index 0'],
  [{ triggers: [failover(), null] }, TypeError, 'got null at index 1'],
  [{ triggers: nameMoved() }, TypeError, 'got an object'],
  [
    { triggers: [nameMoved] },
    TypeError,
    'at index 0: what makes a trigger has to be called, as in triggers: [nameMoved()]',
  ],
  [
    { triggers: [failover(), failover] },
    TypeError,
    'a function at index 1: what makes a trigger has to be called, as in triggers: [failover()]',
  ],
  [{ triggers: [signal] }, TypeError, 'has to be called, as in triggers: [signal(…)]'],
  [{ triggers: [() => nameMoved()] }, TypeError, 'has to be called, as in triggers: [trigger()]'],
  [{ name: '' }, RangeError, 'Expected `name` to be a non-empty string'],
]

test.each(wrong)('%o gives one clear error at the call', (options, type, message) => {
  const create = () => createFlusher(new ScriptedDriver(), options)
  expect(create).toThrow(type)
  expect(create).toThrow(message)
})

test('the options of one flush are verified too', async () => {
  const flusher = createFlusher(new ScriptedDriver())
  await expect(flusher.flush({ deadlineMs: -1 })).rejects.toThrow(RangeError)
  await expect(flusher.flush({ reasons: 'x' } as never)).rejects.toThrow('Unknown option `reasons`')
})

test('undefined counts as absent', () => {
  expect(createFlusher(new ScriptedDriver(), { name: undefined } as never).name).toBe('fake')
})

test('no credential shows up in an error, an event or an inspection', async () => {
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false })
  ;(await flusher.acquire(holder())).release()
  driver.onOpen = () => {
    throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: 'postgres://me:s3cret@ bad' })
  }
  const seen: unknown[] = []
  flusher.on('failed', (event) => seen.push(event))
  seen.push(await flusher.flush().catch((error: unknown) => error))
  expect(seen).toHaveLength(2)
  expect(inspect([seen, flusher], { depth: 9, showHidden: true })).not.toContain('s3cret')
  expect(messageOf(new Error('cannot reach postgres://me:s3cret@db:5432/app'))).toBe(
    'cannot reach postgres://***@db:5432/app',
  )
  expect(withoutCredentials('mysql://a:s3cret@b/c')).toBe('mysql://***@b/c')
})
