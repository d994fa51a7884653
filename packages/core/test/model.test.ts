import fc from 'fast-check'
import { test } from 'vitest'
import { acts, type Nothing } from './model/acts.ts'
import { traits } from './model/traits.ts'
import { World } from './model/world.ts'

const { PERIODIC_FLUSH_SEED, PERIODIC_FLUSH_RUNS } = process.env
/** With every other test, the same histories each time; the deep form looks for new ones. */
const seed = Number(PERIODIC_FLUSH_SEED ?? (PERIODIC_FLUSH_RUNS === undefined ? 1 : Date.now() % 2 ** 31))
const numRuns = Number(PERIODIC_FLUSH_RUNS ?? 2_000)
const path = process.env['PERIODIC_FLUSH_PATH']

/** Each run is one random history; whatever happened, all must end well. */
test('every promise holds, whatever happens in whatever order', { timeout: 3_600_000 }, async () => {
  console.log(`model of the rotation: ${numRuns} runs, PERIODIC_FLUSH_SEED=${seed}`)
  await fc.assert(
    fc.asyncProperty(traits, fc.scheduler(), acts, async (kind, scheduler, commands) => {
      using world = new World(kind, scheduler)
      await fc.asyncModelRun(() => ({ model: {} as Nothing, real: world }), commands)
      await world.end()
    }),
    {
      seed,
      numRuns,
      ...(path === undefined ? {} : { path }),
      endOnFailure: process.env['PERIODIC_FLUSH_SHRINK'] === '0',
    },
  )
})
