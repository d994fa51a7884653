import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FailoverPair, failoverPair } from '@periodic-flush/testing'
import { type Arguments, help, readArguments } from './arguments.ts'
import { Chronicle } from './chronicle.ts'
import { contenders, createTable } from './contenders.ts'
import { Outcome } from './outcome.ts'
import { PageServer } from './page/server.ts'
import { Screen } from './screen.ts'
import { Stage } from './stage.ts'

/** Boots the servers, puts the load on, and lets the script or the page decide what happens. */
async function demo(asked: Arguments): Promise<boolean> {
  const chronicle = new Chronicle()
  let stage: Stage | undefined
  const page = await PageServer.open({
    chronicle,
    port: asked.port,
    setting: { rate: asked.rate, intervalMs: asked.interval, interactive: asked.page },
    controls: () => (asked.page ? stage : undefined),
  })
  console.log(`\nwatch it at ${page.address}\n`)
  const pair = await failoverPair()
  await pair.query(createTable)
  stage = open(pair, asked, chronicle)
  const { blue, green } = pair
  const screen = new Screen(stage.loads, [blue, green])
  screen.say(
    `blue on ${blue.host}, green on ${green.host}; ${pair.name.name} points at blue; ${asked.rate} queries/s a client`,
  )
  const passed = asked.page ? await handOver(stage, screen) : await play(stage, screen, asked, chronicle)
  await page.close()
  return passed
}

function open(pair: FailoverPair, { interval, deadline, rate }: Arguments, chronicle: Chronicle): Stage {
  const clients = contenders({
    url: (applicationName) => pair.url({ applicationName }),
    intervalMs: interval,
    deadlineMs: deadline,
  })
  return new Stage(pair, clients, rate, chronicle)
}

/** The script: the name moves to green, then blue freezes. */
async function play(
  stage: Stage,
  screen: Screen,
  { seconds, interval }: Arguments,
  chronicle: Chronicle,
): Promise<boolean> {
  const end = async () => {
    await stage.connections.stop()
    await stage.pair.stop()
    process.exit(130)
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  await sleep(seconds * 250)
  await stage.move('green')
  screen.say('the name points at green now; blue still answers')
  await sleep(seconds * 450)
  await stage.freeze('blue')
  screen.say('blue is frozen: it answers nothing')
  await sleep(seconds * 300)

  screen.stop()
  const outcome = new Outcome(stage.loads, await stage.settle(), interval)
  chronicle.end({ passed: outcome.passed })
  await stage.close()
  outcome.print()
  return outcome.passed
}

/** The page is in charge, until a signal ends it. */
async function handOver(stage: Stage, screen: Screen): Promise<boolean> {
  screen.say('the buttons of the page are yours; Ctrl-C ends it')
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  screen.stop()
  await stage.close()
  return true
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
