import { inspect } from 'node:util'
import type { Watched } from '@periodic-flush/core'
import { failoverPair, gate, movableName, startMariadb } from '@periodic-flush/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { visit } from '../packages/doctor/test/doctor.ts'
import type { Case } from './bad-input/case.ts'
import { clientCases, prismaFlusher } from './bad-input/clients.ts'
import { coreCases, flusher, periodic, watched } from './bad-input/core.ts'
import { type Entry, exportedEntries, methodEntries } from './bad-input/entries.ts'
import { fleetCases } from './bad-input/fleet.ts'
import { held, removeFolder } from './bad-input/held.ts'
import { handleCases, type Stage, startCases } from './bad-input/servers.ts'
import { harmless, realised, SECRET } from './bad-input/values.ts'
import { mariadbInstalled } from './mariadb-installed.ts'

const { PERIODIC_FLUSH_SEED, PERIODIC_FLUSH_RUNS } = process.env
/** With every other test, the same input each time; the deep form looks for more. */
const seed = Number(PERIODIC_FLUSH_SEED ?? (PERIODIC_FLUSH_RUNS === undefined ? 1 : Date.now() % 2 ** 31))
const numRuns = Math.min(Number(PERIODIC_FLUSH_RUNS ?? 60), 10_000)

let stage: Stage | undefined
let seen: Watched

const cases: readonly Case[] = [
  ...coreCases(() => seen),
  ...clientCases,
  ...fleetCases,
  ...startCases,
  ...handleCases(() => started()).filter(({ of }) => mariadbInstalled || !of.startsWith('MariadbServer')),
]

/** They take no argument, are no functions, or are an error's class. */
const takeNothing: readonly Entry[] = [
  ...(['defaults', 'nonEmptyString', 'PeriodicFlushError', 'failover', 'statsOfAll'] as const).map(
    (name): Entry => `core: ${name}`,
  ),
  'testing: TestingError',
  'testing: mariadbAvailable',
  ...(['current', 'stats', 'pause', 'resume', 'takeTimer'] as const).flatMap((name): Entry[] => [
    `$flusher: ${name}`,
    `prisma $flusher: ${name}`,
  ]),
  // For the adapter alone.
  'prisma $flusher: begin',
  'prisma $flusher: end',
  'prisma $flusher: vacate',
  'startPeriodicFlush: flush',
  'startPeriodicFlush: stop',
  'watched: endpoints',
  'watched: peers',
  'watched: random',
  'watched: writable',
  ...(['PostgresServer', 'MariadbServer'] as const).flatMap((server) =>
    (['freeze', 'thaw', 'restart', 'stop'] as const).map((name): Entry => `${server}: ${name}`),
  ),
  'PostgresServer: promote',
  'FailoverPair: stop',
  ...(['accept', 'refuse', 'hang', 'stall', 'resume', 'reset', 'close'] as const).map((name): Entry => `Gate: ${name}`),
  'MovableName: hang',
  'MovableName: restore',
]

function started(): Stage {
  if (stage === undefined) throw new Error('The servers have not been started')
  return stage
}

beforeAll(async () => {
  console.log(`bad input: ${numRuns} runs each, PERIODIC_FLUSH_SEED=${seed}`)
  seen = await watched()
  const pair = await failoverPair({ name: 'pair.bad-input.test' })
  const mariadb = mariadbInstalled ? await startMariadb() : undefined
  stage = { pair, mariadb, gate: await gate(pair.blue), name: movableName('bad-input.test', '127.0.0.1') }
})

afterAll(async () => {
  stage?.name.restore()
  await Promise.all([flusher.close(), stage?.gate.close(), stage?.pair.stop(), stage?.mariadb?.stop()])
  await removeFolder()
})

test('every function that a package exports, and every method of what it hands out, is tried with bad input', async () => {
  const { pair, mariadb } = started()
  const prototype = (handle: object): object => Object.getPrototypeOf(handle)
  const all = [
    ...(await exportedEntries()),
    ...methodEntries('$flusher', prototype(flusher)),
    ...methodEntries('prisma $flusher', prismaFlusher),
    ...methodEntries('startPeriodicFlush', periodic),
    ...methodEntries('watched', seen),
    ...methodEntries('PostgresServer', prototype(pair.blue)),
    ...methodEntries('FailoverPair', prototype(pair)),
    ...methodEntries('Gate', prototype(started().gate)),
    ...methodEntries('MovableName', prototype(started().name)),
    ...(mariadb === undefined ? [] : methodEntries('MariadbServer', prototype(mariadb))),
  ]
  const tried = new Set<Entry>(cases.map(({ of }) => of))
  expect(all.length).toBeGreaterThan(80)
  expect(all.filter((entry) => !tried.has(entry) && !takeNothing.includes(entry))).toEqual([])
})

describe.each(cases.filter(({ total }) => total !== true))('$of $how', ({ call, given }) => {
  test('answers bad input with a clear error, at once, and leaves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(...given), async (values) => {
        const before = held()
        const { error } = await outcome(call, values)
        expect(error).toBeInstanceOf(Error)
        const { name, message } = error as Error
        expect(name).toMatch(/^(TypeError|RangeError|PeriodicFlushError|TestingError)$/)
        expect(message).toMatch(/^(Expected (?!``).+, got .+|Unknown option .+expected .+)$/)
        harmless(message)
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET)
        expect(held()).toEqual(before)
      }),
      { seed, numRuns },
    )
  })
})

describe.each(cases.filter(({ total }) => total === true))('$of $how', ({ call, given }) => {
  test('takes it, and leaves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(...given), async (values) => {
        const before = held()
        expect(await outcome(call, values)).not.toHaveProperty('error')
        expect(held()).toEqual(before)
      }),
      { seed, numRuns },
    )
  })
})

const connectable = `mysql://me:${SECRET}@127.0.0.1:1/app`
const noDuration = fc.oneof(
  fc.string().filter((text) => !(text.trim() !== '' && Number(text) >= 0.1 && Number(text) <= 86_400)),
  fc.constantFrom('0', '-1', 'NaN', 'Infinity', '1e9', '5s', SECRET),
)
/** One of these is wrong whatever stands beside it. */
const wrongArguments = fc.oneof(
  fc
    .tuple(fc.constantFrom('--for', '--every', '--timeout'), noDuration)
    .map(([option, text]) => [`${option}=${text}`, connectable]),
  fc.constantFrom(
    [connectable, connectable],
    [`constructor://me:${SECRET}@127.0.0.1:1/app`],
    [`postgres://me:${SECRET}/x@127.0.0.1:1/app`],
    [`mysql://me:${SECRET}@127.0.0.1:99999/app`],
    [`--password=${SECRET}`, connectable],
    [`-p${SECRET}`],
    ['--json=yes', connectable],
    ['--for'],
    [SECRET],
    [],
  ),
)

test('doctor: a command line that cannot be understood is said to be so in one line, without what could be a secret', async () => {
  await fc.assert(
    fc.asyncProperty(wrongArguments, fc.subarray(['--json', '--watch', '--every=1']), async (wrong, beside) => {
      const before = held()
      const { code, out, err } = await visit([...beside, ...wrong])
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(err).toMatch(/^[^\n]+\. See --help\.\n$/)
      expect(err).not.toContain(SECRET)
      expect(held()).toEqual(before)
    }),
    { seed, numRuns },
  )
})

/** What the call throws or rejects with, before anything could have come in from outside. */
async function outcome(call: (...given: never[]) => unknown, given: readonly unknown[]): Promise<{ error?: unknown }> {
  const late = new Promise<never>((_, reject) => setImmediate(() => reject(new Error('Not at once'))))
  try {
    await Promise.race([(call as (...given: readonly unknown[]) => unknown)(...given.map(realised)), late])
    return {}
  } catch (error) {
    return { error }
  } finally {
    late.catch(() => {})
  }
}
