import { expect, test } from 'vitest'
import type { FlushReport } from '../src/flush-report.ts'
import { flushAll, type Target } from '../src/target.ts'

test('flushAll takes whatever gives targets, in that order, and hands each the options', async () => {
  const [a, b] = [fake('a'), fake('b')]
  const options = { reason: 'deploy', deadlineMs: 5 }
  const given = (function* () {
    yield* [b, a]
  })()
  await expect(flushAll(given, options)).resolves.toEqual(
    ['b', 'a'].map((name) => ({ name, status: 'flushed', report: { name } })),
  )
  expect([a.calls, b.calls]).toEqual([[options], [options]])
})

test('a target may be a function, as the client of postgres.js is', async () => {
  const sql = Object.assign(() => {}, fake('sql'))
  await expect(flushAll([sql])).resolves.toMatchObject([{ name: 'sql', status: 'flushed' }])
})

test('targets are not flushed one after the other: one that hangs keeps nobody from its turn', async () => {
  const [a, b] = [fake('a'), fake('b')]
  void flushAll([{ ...a, $flush: () => new Promise<never>(() => {}) }, b])
  expect(b.calls).toHaveLength(1)
})

test('a target that throws within its call has failed, and the others are flushed', async () => {
  const bug = new Error('a bug of the target')
  const throwing = {
    ...fake('a'),
    $flush: () => {
      throw bug
    },
  }
  await expect(flushAll([throwing, fake('b')])).resolves.toMatchObject([
    { name: 'a', status: 'failed', error: bug },
    { name: 'b', status: 'flushed' },
  ])
})

const client = 'a client that was wrapped with withPeriodicFlush'
const { $flush, $flusher } = fake('a')

test.each<[string, unknown, string]>([
  ['null', null, `\`targets[1]\` to be ${client}, got null`],
  ['undefined', undefined, `\`targets[1]\` to be ${client}, got undefined`],
  ['a word', 'kill', `\`targets[1]\` to be ${client}, got 'kill'`],
  ['a client that is not wrapped', () => {}, `\`targets[1]\` to be ${client}, got a function`],
  ['a flusher', $flusher, `\`targets[1]\` to be ${client}, got an object`],
  ['one without a flusher', { $flush }, `\`targets[1]\` to be ${client}, got an object`],
  ['one whose flusher is null', { $flush, $flusher: null }, `\`targets[1]\` to be ${client}, got an object`],
  ['one that cannot be flushed', { $flusher }, `\`targets[1]\` to be ${client}, got an object`],
  ...(['takeTimer', 'distrust'] as const).map((name): [string, unknown, string] => [
    `one whose flusher has no ${name}`,
    { $flush, $flusher: { ...$flusher, [name]: undefined } },
    `\`targets[1]\` to be ${client}, got an object`,
  ]),
])('%s among the targets is refused at once, before any is flushed', (_, given, message) => {
  const a = fake('a')
  expect(thrownBy(() => flushAll([a, given as Target]))).toEqual(new TypeError(`Expected ${message}`))
  expect(a.calls).toEqual([])
})

test.each<[unknown, string]>([
  [null, 'got null'],
  [1, 'got 1'],
  ['kill', "got 'kill'"],
  [{ $flush, $flusher }, 'got an object'],
  [() => [], 'got a function'],
])('flushAll(%o) is refused at once', (targets, message) => {
  const expected = new TypeError(`Expected \`targets\` to be an array of wrapped clients, ${message}`)
  expect(thrownBy(() => flushAll(targets as never))).toEqual(expected)
})

test('targets that cannot be read are refused, without what they throw', () => {
  const targets = {
    [Symbol.iterator]() {
      throw new Error('postgres://me:pw@db')
    },
  }
  const error = thrownBy(() => flushAll(targets as never))
  expect(error).toEqual(
    new TypeError('Expected `targets` to be an array of wrapped clients, got an object, which cannot be read'),
  )
  expect(error).not.toHaveProperty('cause')
})

test('wrong options are refused at once, before any target is flushed', () => {
  const a = fake('a')
  expect(() => flushAll([a], { deadlineMs: -1 })).toThrow(RangeError)
  expect(() => flushAll(undefined, { reasons: 'x' } as never)).toThrow('Unknown option `reasons`')
  expect(a.calls).toEqual([])
})

/** A target that notes what it is flushed with. */
function fake(name: string): Target & { readonly calls: unknown[] } {
  const calls: unknown[] = []
  const $flush = async (options: unknown) => {
    calls.push(options)
    return { name } as FlushReport
  }
  return { calls, $flush, $flusher: { name, paused: false, takeTimer: () => () => {}, distrust: () => {} } }
}

function thrownBy(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}
