import fc, { type AsyncCommand } from 'fast-check'
import { settled } from '../manual-clock.ts'
import type { World } from './world.ts'

/** What the model remembers by itself: nothing, since the world keeps the books. */
export type Nothing = Record<string, never>

/** One thing that happens. Whether all that follows from it happens before the next one is left to chance. */
class Act implements AsyncCommand<Nothing, World> {
  readonly #what: string
  readonly #settles: boolean
  readonly #act: (world: World) => void | Promise<void>

  constructor(what: string, settles: boolean, act: (world: World) => void | Promise<void>) {
    this.#what = what
    this.#settles = settles
    this.#act = act
  }

  check(): boolean {
    return true
  }

  async run(_: Nothing, world: World): Promise<void> {
    await this.#act(world)
    if (this.#settles) {
      await settled()
      world.verify()
    }
  }

  toString(): string {
    return this.#settles ? `${this.#what};` : this.#what
  }
}

function act<T>(
  name: string,
  given: fc.Arbitrary<T>,
  run: (world: World, given: T) => void | Promise<void>,
): fc.Arbitrary<Act> {
  return fc.tuple(given, fc.boolean()).map(([value, settles]) => {
    const shown = value === null ? '' : JSON.stringify(value)
    return new Act(`${name}(${shown})`, settles, (world) => run(world, value))
  })
}

const nothing = fc.constant(null)
const which = fc.nat({ max: 5 })
const deadlineMs = fc.constantFrom(undefined, 0, 50, 400)

const acquire = act(
  'acquire',
  fc.record({
    kind: fc.constantFrom('query', 'query', 'transaction', 'listener'),
    timeoutMs: fc.constantFrom(undefined, undefined, 80),
    recalls: fc.boolean(),
    retries: fc.constantFrom('never', 'at once', 'after'),
  }),
  (world, wish) => world.acquire(wish),
)
const release = act('release', which, (world, nth) => world.release(nth))
const flush = act(
  'flush',
  fc.record({
    deadlineMs,
    onDeadline: fc.constantFrom(undefined, 'auto', 'keep', 'cut'),
    wait: fc.constantFrom('drained', 'swapped'),
    lazy: fc.constantFrom(false, false, true),
  }),
  (world, { deadlineMs: ms, onDeadline, wait, lazy }) =>
    world.flush({
      wait,
      lazy,
      ...(ms === undefined ? {} : { deadlineMs: ms }),
      ...(onDeadline === undefined ? {} : { onDeadline }),
    }),
)
const step = act('step', nothing, (world) => world.step())
const advance = act('advance', fc.constantFrom(1, 49, 50, 99, 100, 200, 300, 400, 1_500), (world, ms) =>
  world.advance(ms),
)
const server = fc.constantFrom('10.0.0.1:5432', '10.0.0.2:5432')
const request = fc.constantFrom({}, {}, { abandoned: true }, { gone: ['10.0.0.1'] }, { gone: ['10.0.0.2'] })

/** Everything that can happen, the usual things more often. */
export const acts = fc.commands<Nothing, World, false>(
  [
    ...[acquire, acquire, acquire, acquire, acquire, release, release, release, flush, flush, flush],
    ...[step, step, step, advance, advance, advance],
    act('give up', which, (world, nth) => world.giveUp(nth)),
    act('hold', fc.constantFrom(0, 100, 500), (world, ms) => world.hold(ms)),
    act('distrust', nothing, (world) => world.distrust()),
    act('pause', nothing, (world) => world.pause()),
    act('resume', nothing, (world) => world.flusher.resume()),
    act('ask', request, (world, asked) => world.ask(asked)),
    act('sleep', fc.constantFrom(100, 700, 6_000), (world, ms) => world.sleep(ms)),
    act('arrive', nothing, (world) => world.arrive()),
    act('move', server, (world, which) => {
      world.server = which
    }),
    act('demote', server, (world, which) => world.demote(which)),
    act('promote', server, (world, which) => world.promote(which)),
    act('close', fc.constantFrom(0, 50, 400), (world, ms) => world.close(ms)),
  ],
  { maxCommands: 40, size: 'max' },
)
