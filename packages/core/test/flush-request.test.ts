import { expect, test } from 'vitest'
import { type FlushRequest, merged, requestOf } from '../src/flush-request.ts'

const options = { deadlineMs: 1_000, onDeadline: 'auto' } as const
const request = (given: Partial<FlushRequest>): FlushRequest =>
  requestOf(options, { reason: 'interval', hold: false, ...given })

test('a request is as the options say, unless it says otherwise', () => {
  expect(request({})).toEqual({
    reason: 'interval',
    hold: false,
    deadlineMs: 1_000,
    onDeadline: 'auto',
    abandoned: false,
    gone: [],
    lazy: false,
  })
  expect(request({ deadlineMs: 5, onDeadline: 'cut' })).toMatchObject({ deadlineMs: 5, onDeadline: 'cut' })
})

test.each<{ a: Partial<FlushRequest>; b: Partial<FlushRequest>; both: Partial<FlushRequest> }>([
  { a: { deadlineMs: 5 }, b: { deadlineMs: 9 }, both: { deadlineMs: 5 } },
  { a: { deadlineMs: 9 }, b: { deadlineMs: 5 }, both: { deadlineMs: 5 } },
  { a: { onDeadline: 'auto' }, b: { onDeadline: 'keep' }, both: { onDeadline: 'keep' } },
  { a: { onDeadline: 'keep' }, b: { onDeadline: 'auto' }, both: { onDeadline: 'keep' } },
  { a: { onDeadline: 'keep' }, b: { onDeadline: 'cut' }, both: { onDeadline: 'cut' } },
  { a: { onDeadline: 'cut' }, b: { onDeadline: 'keep' }, both: { onDeadline: 'cut' } },
  { a: { onDeadline: 'cut' }, b: { onDeadline: 'auto' }, both: { onDeadline: 'cut' } },
  { a: { abandoned: true }, b: {}, both: { abandoned: true } },
  { a: {}, b: { abandoned: true }, both: { abandoned: true } },
  { a: {}, b: {}, both: { abandoned: false, hold: false, reason: 'interval' } },
  { a: { gone: ['10.0.0.1'] }, b: { gone: ['10.0.0.2'] }, both: { gone: ['10.0.0.1', '10.0.0.2'] } },
  { a: { lazy: true }, b: { lazy: true }, both: { lazy: true } },
  { a: { lazy: true }, b: { lazy: false }, both: { lazy: false } },
  { a: { lazy: false }, b: { lazy: true }, both: { lazy: false } },
  { a: { hold: true }, b: {}, both: { hold: true } },
  { a: {}, b: { hold: true }, both: { hold: true } },
  { a: {}, b: { reason: 'manual' }, both: { reason: 'interval, manual' } },
])('$a and $b make $both', ({ a, b, both }) => {
  expect(merged(request(a), request(b))).toMatchObject(both)
})
