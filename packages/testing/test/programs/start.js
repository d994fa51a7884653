// Starts a pair of servers and says what must be gone after its end; then ends in the way that it is told.
import { failoverPair } from '@periodic-flush/testing'

const end = process.argv[2]
const kind = process.argv[3] ?? 'postgres'
const options = kind === 'replicated' ? { replicated: true } : { engine: kind }
const question = kind === 'mariadb' ? 'select @@datadir as data_directory' : 'show data_directory'
const pair = await failoverPair({ ...options, name: 'program.periodic-flush.test' })
const answers = await pair.query(question)
const left = {
  pids: [pair.blue.pid, pair.green.pid],
  directories: [answers.blue[0].data_directory, answers.green[0].data_directory],
}
await pair.green.freeze()
process.exitCode = 7
if (end === 'handle') {
  process.once('SIGINT', async () => {
    await pair.green.thaw()
    process.stdout.write(`${JSON.stringify(await pair.query('select 1 as one'))}\n`)
    process.exit(7)
  })
}
// Whoever reads this may send the signal at once.
process.stdout.write(`${JSON.stringify(left)}\n`)
if (end === 'wait' || end === 'handle') setInterval(() => undefined, 1_000_000)
if (end === 'stop') await pair.stop()
if (end === 'exit') process.exit(7)
if (end === 'throw') throw new Error('a test failed')
