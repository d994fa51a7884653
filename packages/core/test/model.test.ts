import fc from 'fast-check'
import { expect, test } from 'vitest'
import { acts, type Nothing } from './model/acts.ts'
import { traits } from './model/traits.ts'
import { World } from './model/world.ts'

const { PERIODIC_FLUSH_SEED, PERIODIC_FLUSH_RUNS, PERIODIC_FLUSH_MINUTES } = process.env
const path = process.env['PERIODIC_FLUSH_PATH']
const isQuick = process.env['PERIODIC_FLUSH_SHRINK'] === '0'
/** The deep form looks for new histories, for a time; a number of runs is for replaying one. */
const minutes = PERIODIC_FLUSH_RUNS === undefined ? Number(PERIODIC_FLUSH_MINUTES ?? 0) : 0
const deep = minutes > 0 || PERIODIC_FLUSH_RUNS !== undefined
/** With every other test, the same histories each time. */
const seed = Number(PERIODIC_FLUSH_SEED ?? (deep ? Date.now() % 2 ** 31 : 1))
const numRuns = minutes > 0 ? Number.MAX_SAFE_INTEGER : Number(PERIODIC_FLUSH_RUNS ?? 2_000)

/** Each run is one random history; whatever happened, all must end well. */
test('every promise holds, whatever happens in whatever order', { timeout: 3_600_000 + minutes * 60_000 }, async () => {
  console.log(
    `model of the rotation: ${minutes > 0 ? `${minutes} minutes` : `${numRuns} runs`}, PERIODIC_FLUSH_SEED=${seed}`,
  )
  let runs = 0
  await fc.assert(
    fc.asyncProperty(traits, fc.scheduler(), acts, async (kind, scheduler, commands) => {
      using world = new World(kind, scheduler)
      await fc.asyncModelRun(() => ({ model: {} as Nothing, real: world }), commands)
      await world.end()
      runs++
    }),
    {
      seed,
      numRuns,
      ...(minutes > 0 ? { interruptAfterTimeLimit: minutes * 60_000 } : {}),
      ...(path === undefined ? {} : { path }),
      endOnFailure: isQuick,
      // Where somebody reads only the message, the broken promise stands in it.
      includeErrorInReport: isQuick,
    },
  )
  if (minutes > 0) console.log(`model of the rotation: ${runs} histories`)
  expect(runs).toBeGreaterThan(0)
})
