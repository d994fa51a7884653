import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import type { FlushTrace } from '../src/events.ts'
import { createFlusher } from '../src/flusher.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

test('diagnostics channels tell what $flusher.on tells, and the tracing channel has each flush with its report', async () => {
  const told: unknown[] = []
  const traced: unknown[] = []
  const onSwap = (message: unknown) => told.push(message)
  const onEnd = (message: unknown) => {
    const { name, reason, report } = message as FlushTrace
    traced.push({ name, reason, generation: report?.generation })
  }
  const flushes = tracingChannel<string, FlushTrace>('periodic-flush:flush')
  subscribe('periodic-flush:swap', onSwap)
  flushes.asyncEnd.subscribe(onEnd)
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false })
  const heard: unknown[] = []
  const off = flusher.on('swap', (event) => heard.push(event))
  ;(await flusher.acquire(holder())).release()
  await flusher.flush()
  off()
  await flusher.flush()
  unsubscribe('periodic-flush:swap', onSwap)
  flushes.asyncEnd.unsubscribe(onEnd)
  expect(told).toMatchObject([
    { name: 'fake', generation: 2, replaced: 1, moved: false, reason: 'manual' },
    { generation: 3 },
  ])
  expect(heard).toEqual(told.slice(0, 1))
  expect(traced).toEqual([2, 3].map((generation) => ({ name: 'fake', reason: 'manual', generation })))
  await flusher.close()
})

test('a listener that throws disturbs neither the flush nor the other listeners', async () => {
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false })
  const warning = new Promise((resolve) => process.once('warning', resolve))
  const heard: number[] = []
  flusher.on('swap', () => {
    throw new Error('a bug of the listener')
  })
  flusher.on('swap', ({ generation }) => heard.push(generation))
  await expect(flusher.flush()).resolves.toMatchObject({ generation: 1 })
  expect(heard).toEqual([1])
  await expect(warning).resolves.toMatchObject({ message: 'a bug of the listener' })
  expect(() => flusher.on('swapped' as never, () => {})).toThrow('Expected `event` to be one of swap')
  await flusher.close()
})

test('nor does one that is asynchronous and rejects: nobody else would hear of it', async () => {
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false })
  const warning = new Promise((resolve) => process.once('warning', resolve))
  flusher.on('swap', async () => {
    throw new Error('a bug of the listener')
  })
  await expect(flusher.flush()).resolves.toMatchObject({ generation: 1 })
  await expect(warning).resolves.toMatchObject({ message: 'a bug of the listener' })
  await flusher.close()
})

test('what an adapter tells of holds no credential either', () => {
  const flusher = createFlusher(new ScriptedDriver(), { intervalMs: false })
  const told: unknown[] = []
  flusher.on('failed', ({ error }) => told.push(error))
  const tell = (error: unknown) => flusher.tell('failed', { name: 'db', reason: 'hand-over', step: 'listen', error })
  tell(new Error('cannot reach postgres://me:pw@db'))
  const refused = new Error('refused')
  tell(refused)
  expect(String(told[0])).toBe('Error: cannot reach postgres://***@db')
  expect(told[1]).toBe(refused)
})
