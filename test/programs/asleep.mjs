import { withPeriodicFlush as flushingPool } from '@periodic-flush/pg'
import { withPeriodicFlush as flushingSql } from '@periodic-flush/postgres'
import { movableName } from '@periodic-flush/testing'
import { Pool } from 'pg'
import postgres from 'postgres'

const [client, connectionString, given] = process.argv.slice(2)
const options = JSON.parse(given)
const servedBy = 'select host(inet_server_addr()) as address'

const open = {
  pg() {
    const pool = flushingPool(() => new Pool({ connectionString }), options)
    return { $flusher: pool.$flusher, ask: async () => (await pool.query(servedBy)).rows[0].address }
  },
  postgres() {
    const sql = flushingSql(() => postgres(connectionString), options)
    return { $flusher: sql.$flusher, ask: async () => (await sql.unsafe(servedBy))[0].address }
  },
}

const name = movableName(new URL(connectionString).hostname, '127.0.0.1')
const { $flusher, ask } = open[client]()
const reasons = []
$flusher.on('swap', ({ reason }) => reasons.push(reason))
console.log(await ask())
process.once('message', async () => {
  name.moveTo('127.0.0.2')
  process.kill(process.pid, 'SIGSTOP')
  // The first that happens after the sleep, before any timer.
  const addresses = await Promise.all([ask(), ask(), ask()])
  console.log(JSON.stringify({ addresses, reasons }))
  await $flusher.close({ deadlineMs: 0 })
  process.disconnect()
})
