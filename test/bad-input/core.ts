import {
  backoff,
  createFlusher,
  type Driver,
  FirstMade,
  flushAll,
  milliseconds,
  nameMoved,
  nonEmptyString,
  obeys,
  shown,
  signal,
  startPeriodicFlush,
  type Trigger,
  verified,
  verifyFactory,
  verifyOptions,
  verifyValue,
  type Watched,
  withMethods,
} from '@periodic-flush/core'
import fc from 'fast-check'
import { type Case, of, total } from './case.ts'
import { made } from './held.ts'
import {
  anything,
  closeOptions,
  flusherOptions,
  flushOptions,
  harmless,
  holdOptions,
  mild,
  noArray,
  noBoolean,
  noCount,
  noFunction,
  noString,
  noTime,
  noWord,
  odd,
  oddBeside,
  oddOptions,
  url,
} from './values.ts'

const driver: Driver<object> = {
  name: 'none',
  open() {
    made.count++
    return {}
  },
  check: async () => {},
  close: async () => {},
  cut: () => {},
  suspect: (error) => (error as { code?: string }).code,
}

/** Nobody has used it: whatever opens its first client shows. */
export const flusher = createFlusher(driver, { intervalMs: false })

export const periodic = startPeriodicFlush({ targets: [], intervalMs: 1_000 })

/** What a trigger is given. */
export async function watched(): Promise<Watched> {
  return new Promise((resolve, reject) => {
    const trigger: Trigger = {
      name: 'curious',
      start(given) {
        resolve(given)
        return () => {}
      },
    }
    const used = createFlusher({ ...driver, open: () => ({}) }, { intervalMs: false, triggers: [trigger] })
    used.run('query', async () => {}).catch(reject)
  })
}

const holder = { kind: 'query', cut: () => {} } as const
const caller = { start: () => {}, fail: () => {} }
const needless = (): void => {}

const oddHolder = fc.oneof(anything, oddBeside(holder, { kind: noWord, cut: noFunction }))
const acquireOptions = oddOptions({ signal: odd, timeoutMs: noTime(0) })
const noClock = fc.oneof(odd, fc.constant({ now: () => 0 }))
const surroundings = oddOptions({ clock: noClock, random: noFunction })
const emptied = (value: unknown): boolean => Array.isArray(value) && value.length === 0
const noTargets = fc.oneof(
  mild.filter((value) => !emptied(value)),
  odd.map((value) => [value]),
  fc.constantFrom([{ $flush() {} }], [{ $flush() {}, $flusher: {} }], new Set([{}])),
  fc.constant(url).map((text) => ({
    [Symbol.iterator]() {
      throw new Error(text)
    },
  })),
)
const periodicOptions = oddBeside(
  { targets: [] },
  {
    targets: noTargets,
    intervalMs: noTime(1),
    jitter: noTime(0),
    name: noString,
    onReport: noFunction,
    deadlineMs: fc.constant(1),
  },
)
const request = oddBeside(
  { reason: 'mine' },
  {
    reason: fc.oneof(noString, fc.constant(undefined)),
    abandoned: noBoolean,
    gone: fc.oneof(
      noArray,
      odd.map((value) => [value, 1]),
    ),
  },
)

export function coreCases(seen: () => Watched): Case[] {
  return [
    of('core: createFlusher', '(odd)', (given) => createFlusher(given), anything),
    of(
      'core: createFlusher',
      '({ … odd })',
      (given) => createFlusher(given),
      oddBeside(driver, { open: noFunction, check: noFunction, close: noFunction, cut: noFunction, name: noString }),
    ),
    of('core: createFlusher', '(driver, odd)', (options) => createFlusher(driver, options), flusherOptions),
    of('core: createFlusher', '(driver, {}, odd)', (given) => createFlusher(driver, {}, given), surroundings),
    of('core: FirstMade', '({}, odd)', (options) => new FirstMade({}, options), flusherOptions),
    of('core: FirstMade', '({}, {}, odd)', (discard) => new FirstMade({}, {}, discard), noFunction),
    of('core: FirstMade', '({}, {}, …, odd)', (given) => new FirstMade({}, {}, needless, given), noClock),
    of('core: verifyOptions', '(odd)', (options) => verifyOptions(options), flusherOptions),
    of('core: flushAll', '(odd)', (targets) => flushAll(targets), noTargets),
    of('core: flushAll', '([], odd)', (options) => flushAll([], options), flushOptions),
    of('core: flushAll', '(undefined, odd)', (options) => flushAll(undefined, options), flushOptions),
    of('core: startPeriodicFlush', '(odd)', (options) => startPeriodicFlush(options), periodicOptions),
    of(
      'core: startPeriodicFlush',
      '({ … }, odd)',
      (clock) => startPeriodicFlush({ targets: [] }, clock),
      fc.oneof(odd, fc.constant({ after: needless })),
    ),
    of(
      'core: startPeriodicFlush',
      '({ … }, clock, odd)',
      (random) => startPeriodicFlush({ targets: [] }, undefined, random),
      noFunction,
    ),
    of(
      'core: nameMoved',
      '(odd)',
      (options) => nameMoved(options),
      oddOptions({
        pollMs: noTime(1),
        settleMs: noTime(0),
        lookup: noFunction,
        endpoints: fc.oneof(
          noArray,
          odd.map((value) => [value]),
          noString.map((host) => [{ host }]),
        ),
      }),
    ),
    of(
      'core: signal',
      '(odd)',
      (name) => signal(name),
      fc.oneof(anything, fc.constantFrom('SIGKILL', 'SIGSTOP', 'sigusr2', 'toString')),
    ),
    of('core: backoff', '(odd, …)', (failures) => backoff(failures, 1, 1, Math.random), noCount),
    of('core: backoff', '(1, odd, …)', (ms) => backoff(1, ms, 1, Math.random), noTime(0)),
    of('core: backoff', '(1, 1, odd, …)', (ms) => backoff(1, 1, ms, Math.random), noTime(0)),
    of('core: backoff', '(1, 1, 1, odd)', (random) => backoff(1, 1, 1, random), noFunction),
    of('core: milliseconds', '(odd)', (from) => milliseconds(from), noTime(0)),
    of(
      'core: verified',
      '(odd, …)',
      (given) => verified(given, { word: nonEmptyString }, 'options'),
      oddOptions({ word: noString }),
    ),
    of('core: verifyValue', "('word', odd, …)", (given) => verifyValue('word', given, nonEmptyString), noString),
    of(
      'core: verifyFactory',
      '(odd, …)',
      (given) => verifyFactory(given, { makes: 'a client', as: 'new Client()', isClient: () => false }),
      noFunction,
    ),
    total('core: withMethods', (name) => withMethods('anything', name), anything),
    total('core: shown', (given) => harmless(shown(given)), anything),
    total('core: obeys', (given) => obeys(given, withMethods('a client', 'query')), anything),

    of('$flusher: tryAcquire', '(odd)', (given) => flusher.tryAcquire(given), oddHolder),
    of('$flusher: acquire', '(odd)', (given) => flusher.acquire(given), oddHolder),
    of('$flusher: acquire', '(holder, odd)', (options) => flusher.acquire(holder, options), acquireOptions),
    of('$flusher: acquireFor', '(odd, …)', (given) => flusher.acquireFor(given, caller), oddHolder),
    of(
      '$flusher: acquireFor',
      '(holder, odd)',
      (given) => flusher.acquireFor(holder, given),
      fc.oneof(anything, fc.constantFrom({ start: needless }, { fail: needless })),
    ),
    of(
      '$flusher: acquireFor',
      '(holder, caller, odd)',
      (options) => flusher.acquireFor(holder, caller, options),
      acquireOptions,
    ),
    of('$flusher: run', '(odd, …)', (kind) => flusher.run(kind, async () => {}), fc.oneof(anything, noWord)),
    of(
      '$flusher: run',
      "('query', odd)",
      (work) => flusher.run('query', work),
      fc.oneof(noFunction, fc.constant(undefined)),
    ),
    of('$flusher: flush', '(odd)', (options) => flusher.flush(options), flushOptions),
    of('$flusher: hold', '(odd)', (options) => flusher.hold(options), holdOptions),
    of('$flusher: close', '(odd)', (options) => flusher.close(options), closeOptions),
    of('$flusher: distrust', '(odd)', (reason) => flusher.distrust(reason), fc.oneof(noString, fc.constant(undefined))),
    of('$flusher: on', '(odd, …)', (event) => flusher.on(event, needless), fc.oneof(anything, noWord)),
    of(
      '$flusher: on',
      "('swap', odd)",
      (listener) => flusher.on('swap', listener),
      fc.oneof(noFunction, fc.constant(undefined)),
    ),
    of('$flusher: tell', '(odd, …)', (event) => flusher.tell(event, {} as never), fc.oneof(anything, noWord)),
    total('$flusher: failed', (client, error) => flusher.failed(client, error), anything, anything),
    total('$flusher: within', (what, work) => flusher.within(what, work), mild, mild),

    of('watched: flush', '(odd)', (given) => seen().flush(given), fc.oneof(request, fc.constantFrom(undefined, {}))),
    of(
      'watched: onSuspicion',
      '(odd)',
      (listener) => seen().onSuspicion(listener),
      fc.oneof(noFunction, fc.constant(undefined)),
    ),
    total('watched: failed', (error) => seen().failed(error), anything),
  ]
}
