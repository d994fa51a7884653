import { failoverPair } from '@periodic-flush/testing'
import { expect, test } from 'vitest'
import { visit } from './doctor.ts'

/** What happened, without the times. */
function told(out: string): string[] {
  return out
    .slice(0, out.indexOf('\n\n'))
    .split('\n')
    .map((line) => line.slice(line.indexOf(' s  ') + 4))
}

test('a switch-over to a promoted standby: the timeline in order, and that a pool would still be on the old server', async () => {
  await using pair = await failoverPair({ replicated: true })
  const { code, out } = await visit([pair.url(), '--watch'], {
    async meanwhile(count) {
      if (count === 2) await pair.green.promote()
      if (count === 3) pair.moveTo('green')
      if (count === 4) await pair.blue.readOnly(true)
      return count === 6 ? 'stop' : undefined
    },
  })
  expect(code).toBe(0)
  const happenings = told(out)
  expect(happenings.slice(0, 3).toSorted()).toEqual([
    'a new connection reaches 127.0.0.1, which takes writes',
    'the connection held since the start reaches 127.0.0.1, which takes writes',
    'the name leads to 127.0.0.1',
  ])
  expect(happenings.slice(3, 5).toSorted()).toEqual([
    'a new connection reaches 127.0.0.2, which takes writes',
    'the name leads to 127.0.0.2',
  ])
  expect(happenings.slice(5)).toEqual(['the connection held since the start reaches 127.0.0.1, which is read-only'])
  expect(out).toContain('You need this: a pool would still be on the old server.')
  expect(out).toContain('is still on 127.0.0.1, which is read-only now, 1.5 s after new ones went elsewhere')
})

test('an old server that closes its connections: a pool connects anew by itself', async () => {
  await using pair = await failoverPair()
  const { code, out } = await visit([pair.url(), '--watch'], {
    async meanwhile(count) {
      if (count === 2) {
        await pair.blue.stop()
        pair.moveTo('green')
      }
      return count === 4 ? 'stop' : undefined
    },
  })
  expect(code).toBe(0)
  expect(told(out).slice(3).toSorted()).toEqual([
    'a new connection reaches 127.0.0.2, which takes writes',
    expect.stringMatching(/^the connection held since the start is lost: /),
    'the name leads to 127.0.0.2',
  ])
  expect(out).toContain('The old server closed its connections: a pool connects anew by itself.')
})

test('an old server that hangs: needed, and neither it nor a resolver that hangs holds the watch up', async () => {
  await using pair = await failoverPair()
  const { code, out } = await visit([pair.url(), '--watch', '--timeout', '0.5'], {
    async meanwhile(count) {
      if (count === 2) await pair.blue.freeze()
      if (count === 3) pair.name.hang()
      if (count === 4) pair.moveTo('green')
      return count === 5 ? 'stop' : undefined
    },
  })
  expect(code).toBe(0)
  expect(told(out)).toContain('the connection held since the start hangs: no answer within 500 ms')
  expect(told(out)).toContain('a new connection hangs: no answer within 500 ms')
  expect(told(out)).toContain('the name does not resolve: no answer within 500 ms')
  expect(told(out).at(-1)).toBe('a new connection reaches 127.0.0.2, which takes writes')
  expect(out).toContain('You need this: a pool would still wait for a server that says nothing.')
})

test('--for ends a watch in which nothing happened; --json gives one object a line', async () => {
  await using pair = await failoverPair()
  const { code, out } = await visit([pair.url(), '--watch', '--for', '2', '--json'])
  expect(code).toBe(0)
  const objects = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(objects.map(({ what }) => what).toSorted()).toEqual(['fresh', 'held', 'name', 'outcome'])
  expect(objects.at(-1)).toMatchObject({ atMs: 2500, outcome: { verdict: 'unknown' } })
})

test('a server that never answers leaves nothing to say: exit code 1', async () => {
  const { code, out } = await visit(['postgres://nobody@127.0.0.1:1/none', '--watch', '--for', '0.1'])
  expect(code).toBe(1)
  expect(out).toContain('a new connection fails: connect ECONNREFUSED 127.0.0.1:1')
  expect(out).toContain('No connection could be opened')
})
