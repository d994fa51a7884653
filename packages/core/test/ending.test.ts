import { expect, test } from 'vitest'
import { deferred } from '../src/deferred.ts'
import { Ending } from '../src/ending.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { ScriptedDriver } from './scripted-driver.ts'

test('a client that takes too long to close is cut, and is gone once, however late it closes after all', async () => {
  const { clock, driver, told, closed } = end()
  expect({ timers: clock.timers, held: clock.held }).toEqual({ timers: 1, held: 0 })
  await clock.advance(100)
  closed.resolve()
  await settled()
  expect(driver.transcript).toEqual(['close 1', 'cut 1'])
  expect(told).toEqual(['gone'])
})

test('a client that has closed is not touched any more', async () => {
  const { clock, driver, ending, told, closed } = end()
  closed.resolve()
  await settled()
  ending.cut()
  expect(driver.transcript).toEqual(['close 1'])
  expect(told).toEqual(['gone'])
  expect(clock.timers).toBe(0)
})

test('one that cannot even be cut is told of, and is gone', async () => {
  const { driver, ending, told } = end()
  driver.cut = () => {
    throw new Error('no socket')
  }
  ending.cut()
  expect(told).toEqual(['no socket', 'gone'])
})

test.each([
  ['rejects', () => Promise.reject(new Error('no route'))],
  [
    'throws',
    () => {
      throw new Error('no route')
    },
  ],
])('a client whose close %s is told of, and is gone', async (_, onClose) => {
  const { clock, driver, told } = end(onClose)
  await settled()
  expect(driver.transcript).toEqual(['close 1'])
  expect(told).toEqual(['no route', 'gone'])
  expect(clock.timers).toBe(0)
})

test('what a close fails with after the cut is told of; nothing is gone twice', async () => {
  const { driver, ending, told, closed } = end()
  ending.cut()
  ending.cut()
  closed.reject(new Error('socket dropped'))
  await settled()
  expect(driver.transcript).toEqual(['close 1', 'cut 1'])
  expect(told).toEqual(['gone', 'socket dropped'])
})

function end(onClose?: () => Promise<void>) {
  const clock = new ManualClock()
  const driver = new ScriptedDriver()
  const closed = deferred<void>()
  driver.onClose = onClose ?? (() => closed.promise)
  const told: string[] = []
  const ending = new Ending({ id: 1, connections: 1, peers: [] }, driver, 100, clock, {
    gone: () => told.push('gone'),
    failed: (error) => told.push((error as Error).message),
  })
  return { clock, driver, ending, told, closed }
}
