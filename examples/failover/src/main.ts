import { setTimeout as sleep } from 'node:timers/promises'
import { failoverPair } from '@periodic-flush/testing'
import { type Arguments, help, readArguments } from './arguments.ts'
import { contenders, createTable } from './contenders.ts'
import { type Act, Load } from './load.ts'
import { Screen } from './screen.ts'

/** How much longer than an interval a move may take: the time to open, check and warm a fresh client. */
const MARGIN_MS = 1_000

async function demo({ seconds, interval, deadline, rate }: Arguments): Promise<boolean> {
  const pair = await failoverPair()
  const end = async () => {
    await pair.stop()
    process.exit(130)
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  await pair.query(createTable)
  const loads = contenders({
    url: (applicationName) => pair.url({ applicationName }),
    intervalMs: interval,
    deadlineMs: deadline,
  }).map((contender) => new Load(contender))

  let act: Act = 'before'
  let movedAt: number | undefined
  const { blue, green } = pair
  const screen = new Screen(loads, [blue, green])
  screen.say(
    `blue on ${blue.host}, green on ${green.host}; ${pair.name.name} points at blue; ${rate} queries/s a client`,
  )
  for (const load of loads) load.start(rate, () => ({ act, movedAt, target: green.host }))
  const drawing = setInterval(() => screen.tick(), 1_000)
  const watching = watchPeaks(loads, () => (act === 'freeze' ? [green] : [blue, green]))

  await sleep(seconds * 250)
  pair.moveTo('green')
  movedAt = performance.now()
  act = 'move'
  screen.say('the name points at green now; blue still answers')
  await sleep(seconds * 450)
  act = 'freeze'
  await watching.pause()
  await blue.freeze()
  watching.resume()
  screen.say('blue is frozen: it answers nothing')
  await sleep(seconds * 300)

  for (const load of loads) load.stop()
  clearInterval(drawing)
  // What is still on its way to a server that answers gets the time to arrive.
  await sleep(500)
  const unanswered = new Map(loads.map((load) => [load, load.unanswered]))
  await watching.stop()
  await Promise.all(loads.filter(({ contender }) => contender.stats).map(({ contender }) => contender.end()))
  await blue.thaw()
  await Promise.race([
    Promise.all(loads.map(({ contender }) => contender.end())),
    sleep(5_000, undefined, { ref: false }),
  ])
  await pair.stop()

  console.log()
  console.table(
    Object.fromEntries(
      loads.map((load) => [
        load.contender.name,
        {
          'new server after': load.movedAfterMs === undefined ? 'never' : `${load.movedAfterMs.toFixed(0)} ms`,
          'failed in the move': load.failed.before + load.failed.move,
          'failed in the freeze': load.failed.freeze,
          'never answered': unanswered.get(load),
          'peak connections': load.peak,
        },
      ]),
    ),
  )
  const failures = loads.filter(({ contender, failed, movedAfterMs }) => {
    if (contender.stats === undefined) return false
    const late = movedAfterMs === undefined || movedAfterMs > interval + MARGIN_MS
    return late || failed.before + failed.move > 0
  })
  for (const load of [
    ...failures,
    ...loads.filter((load) => load.contender.stats && (unanswered.get(load) ?? 0) > 0),
  ]) {
    console.error(`${load.contender.name} did not come over as it should have:`, load.lastError ?? 'too late')
  }
  const lost = loads.some((load) => load.contender.stats && (unanswered.get(load) ?? 0) > 0)
  return failures.length === 0 && !lost
}

/** Asks the servers how many connections each client has, and keeps the most that one server had at once. */
function watchPeaks(loads: readonly Load[], servers: () => Awaited<ReturnType<typeof failoverPair>>['blue'][]) {
  let state: 'watching' | 'paused' | 'stopped' = 'watching'
  let round: Promise<void> = Promise.resolve()
  const look = async () => {
    for (const server of servers()) {
      const backends = await server.backends()
      for (const load of loads) {
        const count = backends.filter(({ applicationName }) => applicationName === load.contender.name).length
        load.peak = Math.max(load.peak, count)
      }
    }
  }
  const timer = setInterval(() => {
    if (state === 'watching') round = round.then(look)
  }, 100)
  return {
    pause: () => {
      state = 'paused'
      return round
    },
    resume: () => {
      state = 'watching'
    },
    stop: () => {
      state = 'stopped'
      clearInterval(timer)
      return round
    },
  }
}

try {
  const asked = readArguments(process.argv.slice(2))
  if (asked === undefined) console.log(help)
  else process.exit((await demo(asked)) ? 0 : 1)
} catch (error) {
  if (!(error instanceof TypeError || error instanceof RangeError)) throw error
  console.error(`${error.message}\n\n${help}`)
  process.exit(2)
}
