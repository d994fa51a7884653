import { expect, onTestFinished, test } from 'vitest'
import type { TriggerRequest, Watched } from '../src/trigger.ts'
import { Watch } from '../src/watch.ts'
import { ManualClock, settled } from './manual-clock.ts'

test('requests that come too early wait for the end of the gap, which keeps no process alive', async () => {
  const { clock, watched, requests } = setUp()
  watched.flush({ reason: 'first' })
  await clock.advance(300)
  watched.flush({ reason: 'second' })
  expect({ timers: clock.timers, held: clock.held, next: clock.next }).toEqual({ timers: 1, held: 0, next: 700 })
  await clock.advance(700)
  expect(requests).toHaveLength(2)
  await clock.advance(100)
  // The gap counts from the one that was put off.
  watched.flush({ reason: 'third' })
  expect(requests).toHaveLength(2)
  await clock.advance(900)
  expect(requests).toHaveLength(3)
})

test.each<[string, TriggerRequest[], TriggerRequest]>([
  ['the same reason is told once', [{ reason: 'a' }, { reason: 'a' }], { reason: 'a', abandoned: false, gone: [] }],
  [
    'every address counts that is gone',
    [
      { reason: 'a', gone: ['10.0.0.1'] },
      { reason: 'b', gone: ['10.0.0.2'] },
    ],
    { reason: 'a, b', abandoned: false, gone: ['10.0.0.1', '10.0.0.2'] },
  ],
  [
    'the first one abandons',
    [{ reason: 'a', abandoned: true }, { reason: 'b' }],
    { reason: 'a, b', abandoned: true, gone: [] },
  ],
  [
    'the second one abandons',
    [{ reason: 'a' }, { reason: 'b', abandoned: true }],
    { reason: 'a, b', abandoned: true, gone: [] },
  ],
])('of requests that make one flush %s', async (_, asked, made) => {
  const { clock, watched, requests } = setUp()
  watched.flush({ reason: 'before' })
  for (const request of asked) watched.flush(request)
  await clock.advance(1_000)
  expect(requests.slice(1)).toEqual([made])
})

test('a flush is tried again by a timer that keeps no process alive', async () => {
  const { clock, watched, requests, flusher } = setUp()
  flusher.fails = true
  watched.flush({ reason: 'a' })
  await settled()
  expect({ timers: clock.timers, held: clock.held }).toEqual({ timers: 1, held: 0 })
  flusher.fails = false
  await clock.advance(250)
  expect(requests).toHaveLength(2)
})

test('a trigger that has heard enough hears no more', () => {
  const { watch, watched } = setUp()
  const heard: string[] = []
  const end = watched.onSuspicion((suspicion) => heard.push(suspicion))
  watch.suspect('lost')
  end()
  watch.suspect('shutdown')
  expect(heard).toEqual(['lost'])
  expect(() => watched.onSuspicion('lost' as never)).toThrow('Expected `listener` to be a function')
})

function setUp() {
  const clock = new ManualClock()
  const requests: TriggerRequest[] = []
  const flusher = {
    fails: false,
    async flush(request: TriggerRequest) {
      requests.push(request)
      if (flusher.fails) throw new Error('no route')
    },
    failed: () => {},
    endpoints: () => [],
    peers: () => [],
    writable: async () => undefined,
  }
  let watched: Watched | undefined
  const alarm = {
    name: 'alarm',
    start(given: Watched) {
      watched = given
      return () => {}
    },
  }
  const watch = new Watch({ name: 'orders', triggers: [alarm], minGapMs: 1_000 }, clock, () => 0, flusher)
  watch.start()
  onTestFinished(() => watch.stop())
  if (watched === undefined) throw new Error('Expected the trigger to be started')
  return { clock, flusher, requests, watch, watched }
}
