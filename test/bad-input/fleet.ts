import { natsTrigger } from '@periodic-flush/fleet/nats'
import { postgresTrigger } from '@periodic-flush/fleet/postgres'
import { redisTrigger } from '@periodic-flush/fleet/redis'
import { observe } from '@periodic-flush/opentelemetry'
import fc from 'fast-check'
import { parsedCommand } from '../../packages/fleet/src/command.ts'
import { type Case, of } from './case.ts'
import { made } from './held.ts'
import { anything, noString, noTime, odd, oddOptions } from './values.ts'

const call = (): never => {
  made.count++
  throw new Error('Used, though the options were wrong')
}
const nats = { subscribe: call, drain: call }
const redis = { status: 'ready', subscribe: call, unsubscribe: call, on: call, off: call }
const client = { query: call, on: call, off: call }

const spreadMs = noTime(0)
const noSubject = fc.oneof(noString, fc.constantFrom('two words', 'a..b', '.', 'a.', 'line\nbreak'))
const noChannel = fc.oneof(noString, fc.constantFrom('x'.repeat(64), 'ü'.repeat(32), 'nul\0'))

export const fleetCases: Case[] = [
  of('fleet/nats: natsTrigger', '(odd)', (given) => natsTrigger(given), anything),
  of(
    'fleet/nats: natsTrigger',
    '(connection, odd)',
    (options) => natsTrigger(nats, options),
    oddOptions({ subject: noSubject, spreadMs }),
  ),
  of('fleet/redis: redisTrigger', '(odd)', (given) => redisTrigger(given), anything),
  of(
    'fleet/redis: redisTrigger',
    '(client, odd)',
    (options) => redisTrigger(redis, options),
    oddOptions({ channel: noString, spreadMs }),
  ),
  of(
    'fleet/postgres: postgresTrigger',
    '(odd)',
    (given) => postgresTrigger(given),
    fc.oneof(anything, fc.constant({ ...client, connect: call, totalCount: 0 })),
  ),
  of(
    'fleet/postgres: postgresTrigger',
    '(client, odd)',
    (options) => postgresTrigger(client, options),
    oddOptions({ channel: noChannel, spreadMs }),
  ),
  of(
    'fleet: message',
    '(odd)',
    (message) => parsedCommand(message),
    fc.oneof(
      anything.filter((value) => typeof value !== 'string' || !isCommand(value)),
      fc.constantFrom('later', 'nowhere', 'now_', 'NOW'),
    ),
  ),
  of(
    'opentelemetry: observe',
    '(odd)',
    (options) => observe(options),
    oddOptions({ meterProvider: odd, tracerProvider: odd }),
  ),
]

const isCommand = (text: string): boolean => /^\s*(now(\s.*)?)?\s*$/s.test(text)
