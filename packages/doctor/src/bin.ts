#!/usr/bin/env node
import { systemClock } from './clock.ts'
import { main } from './main.ts'

const stop = new AbortController()
const args = process.argv.slice(2)
// A second Ctrl-C ends the process as ever.
if (args.includes('--watch')) process.once('SIGINT', () => stop.abort())

process.exitCode = await main(args, {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  stop: stop.signal,
})
