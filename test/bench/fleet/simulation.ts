import type { Options } from '@periodic-flush/core'
import { NEW, Network } from './network.ts'
import { seeded } from './seeded.ts'
import type { SimulatedPool } from './simulated-driver.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { VirtualClock } from './virtual-clock.ts'

export const PROCESSES = 1_000
export const CONNECTIONS = 10
export const SECONDS = 120
/** When the name moves: in between the moments at which processes that started together flush together. */
export const MOVES_AT_S = 45
const SAMPLES_PER_SECOND = 4
const SEED = 20
/** All processes start at the same moment; their first connects are no flushes, and not counted. */
const STARTED_MS = 1

/** What a scenario's fleet is like. */
export interface Fleet {
  /** The options of every process. */
  readonly options: Options<SimulatedPool>
  /** What happens at the moment when the name moves. */
  readonly command?: () => void
  /** Stands between a process and chance. */
  readonly chance?: (random: () => number) => () => number
}

export interface Course {
  /** Connects that the servers saw in each second. */
  readonly connectsPerSecond: readonly number[]
  /** The share of the processes that is on the new address, four times a second, from the start. */
  readonly moved: readonly number[]
}

/** Runs a fleet on a clock of its own, always in the same way. */
export async function simulate(fleet: (network: Network) => Fleet, seed = SEED): Promise<Course> {
  const clock = new VirtualClock()
  const network = new Network(clock)
  const { options, command, chance = (random) => random } = fleet(network)
  const processes = Array.from({ length: PROCESSES }, (_, index) => {
    const random = chance(seeded(seed * PROCESSES + index))
    return new SimulatedProcess(options, CONNECTIONS, network, clock, random)
  })
  for (const process of processes) process.use()
  await clock.advanceTo(STARTED_MS)
  network.record()
  const moved: number[] = []
  for (let sample = 0; sample <= SECONDS * SAMPLES_PER_SECOND; sample++) {
    const second = sample / SAMPLES_PER_SECOND
    await clock.advanceTo(Math.max(STARTED_MS, second * 1_000))
    if (second === MOVES_AT_S) {
      network.address = NEW
      command?.()
    }
    moved.push(processes.filter((process) => process.isAt(NEW)).length / PROCESSES)
  }
  await Promise.all(processes.map((process) => process.close()))
  const connectsPerSecond = Array.from({ length: SECONDS }, () => 0)
  for (const at of network.connects) {
    const second = Math.floor(at / 1_000)
    connectsPerSecond[second] = (connectsPerSecond[second] ?? 0) + 1
  }
  return { connectsPerSecond, moved }
}

/** How many seconds after the move the given share of the fleet was on the new address; undefined: never. */
export function secondsUntil(course: Course, share: number): number | undefined {
  const sample = course.moved.findIndex((moved) => moved >= share)
  return sample === -1 ? undefined : sample / SAMPLES_PER_SECOND - MOVES_AT_S
}
