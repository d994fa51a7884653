import { setTimeout as sleep } from 'node:timers/promises'
import type { Arena } from './arena.ts'
import type { History } from './history.ts'
import { describeStep, type Step } from './plan.ts'
import { strike } from './strike.ts'

/** Which clients are spoken of when something is due. */
export interface Company {
  readonly all: ReadonlySet<string>
  /** Those that cut at the deadline whatever the fresh client is connected to. */
  readonly cutting: ReadonlySet<string>
  /** How long after a fault of so many milliseconds everything that it concerned must be settled. */
  readonly patienceMs: (faultMs: number) => number
}

/** Does one step of a plan to an arena; resolves once nobody waits for what it concerned, or for too long. */
export async function besiege(step: Step, arena: Arena, history: History, company: Company): Promise<void> {
  const { fault, ending, at, ms, calmMs } = step
  const patience = company.patienceMs(ms)
  const side = at === 'serving' ? arena.serving : arena.other(arena.serving)
  arena.happened(`${describeStep(step)} (${side.server.name})`)
  const wound = await strike(fault, arena, side)
  if (wound !== undefined) {
    if (at === 'next') arena.moveTo(side)
    await sleep(ms)
    const end = wound.break ?? wound.heal
    if (ending === 'move') {
      arena.moveTo(arena.other(side))
      await history.settled(company.all, patience)
      await end()
    } else if (ending === 'leave') {
      await wound.leave?.()
      arena.happened(`${fault}: new connections are fine`)
      await history.settled(company.cutting, patience)
      await end()
    } else {
      await (ending === 'heal' ? wound.heal() : end())
    }
    arena.happened(`${fault}: over`)
  }
  await history.settled(company.all, patience)
  await sleep(calmMs)
}
