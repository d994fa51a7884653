import { obeys, type Rule, shown, type Trigger, withMethods } from '@periodic-flush/core'
import type { Bus } from './bus.ts'
import { FleetTrigger } from './fleet-trigger.ts'
import { hold } from './holders.ts'
import { verifiedOptions } from './options.ts'

// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Trigger } from '@periodic-flush/core'

/** A notification, as pg hands it out. */
export interface PgNotification {
  readonly channel: string
  readonly payload?: string | undefined
}

/** What is needed of a `pg.Client`. */
export interface PgClient {
  query(text: string): Promise<unknown>
  on(event: 'notification', listener: (notification: PgNotification) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'notification', listener: (notification: PgNotification) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'end', listener: () => void): unknown
}

/** What is needed of a postgres.js `sql`, flushing or not. */
export interface ListeningSql {
  listen(channel: string, onNotify: (payload: string) => void): Promise<{ unlisten(): Promise<void> }>
}

/** What a PostgreSQL trigger takes. */
export interface PostgresTriggerOptions {
  /** The channel to listen on, of at most 63 bytes. Default `'periodic_flush'`. */
  readonly channel?: string
  /** Each client waits a random part of this long before it flushes, in milliseconds, from 0. Default 5 000. */
  readonly spreadMs?: number
}

/** PostgreSQL would cut a longer name short. */
const LONGEST_NAME = 63

const channelName: Rule = {
  expected: `a string of 1 to ${LONGEST_NAME} bytes without NUL`,
  kind: (value) => typeof value === 'string',
  range: (value: string) => value !== '' && Buffer.byteLength(value) <= LONGEST_NAME && !value.includes('\0'),
}

const client = withMethods('a pg.Client', 'query', 'on', 'off')
const pool = withMethods('a pg.Pool', 'query', 'connect')
const listener = withMethods('a postgres.js client', 'listen', 'unsafe')

/**
 * Flushes when a command arrives by PostgreSQL's NOTIFY: `notify periodic_flush` flushes every client of every process,
 * `notify periodic_flush, 'now NAME'` those of that name. Any other payload flushes nothing and is told as the event
 * `failed`.
 *
 * The client is yours: it listens with the first use of a wrapped client that was given this trigger, no longer after the
 * last of them was closed, and is never closed. A postgres.js `sql` connects and listens anew by its own means. A
 * `pg.Client` does not: its end is told as the event `failed`, and so are the errors of its connection while it listens,
 * which then do not end the process. Listening that fails is tried again after at most 1 s, then 2 s, up to 30 s.
 *
 * @param client a `pg.Client`, or a postgres.js `sql`; a `pg.Pool` cannot listen.
 * @throws TypeError for anything else, or an option that is unknown or of the wrong type; RangeError for one out of range.
 */
export function postgresTrigger(client: PgClient | ListeningSql, options: PostgresTriggerOptions = {}): Trigger {
  const { channel, spreadMs } = verifiedOptions(options, 'channel', 'periodic_flush', channelName)
  return new FleetTrigger(postgresBus(client, channel), spreadMs)
}

function postgresBus(given: PgClient | ListeningSql, channel: string): Bus {
  if (isSql(given)) return sqlBus(given, channel)
  const isPool = obeys(given, pool) && 'totalCount' in given
  if (!isPool && obeys(given, client)) return pgBus(given as PgClient, channel)
  const expected = 'Expected `client` to be a pg.Client or a postgres.js client'
  throw new TypeError(`${expected}, got ${isPool ? 'a pool, which cannot listen' : shown(given)}`)
}

function isSql(given: PgClient | ListeningSql): given is ListeningSql {
  return obeys(given, listener)
}

function sqlBus(sql: ListeningSql, channel: string): Bus {
  return {
    name: 'postgres',
    async subscribe({ message }) {
      let receive = message
      const { unlisten } = await sql.listen(channel, (payload) => receive(payload))
      return () => {
        receive = () => {}
        return unlisten()
      }
    },
  }
}

function pgBus(client: PgClient, channel: string): Bus {
  const quoted = `"${channel.replaceAll('"', '""')}"`
  return {
    name: 'postgres',
    async subscribe({ message, lost }) {
      let reason: Error | undefined
      const onNotification = (notification: PgNotification): void => {
        if (notification.channel === channel) message(notification.payload ?? '')
      }
      const onError = (error: Error): void => {
        reason ??= error
      }
      const onEnd = (): void => {
        leave()
        lost(reason ?? new Error('The pg.Client has ended: no fleet command arrives any more'))
      }
      const release = hold(client, channel)
      const leave = (): boolean => {
        client.off('notification', onNotification)
        client.off('error', onError)
        client.off('end', onEnd)
        return release()
      }
      client.on('notification', onNotification)
      client.on('error', onError)
      client.on('end', onEnd)
      try {
        await client.query(`listen ${quoted}`)
      } catch (error) {
        leave()
        throw error
      }
      return async () => {
        if (leave()) await client.query(`unlisten ${quoted}`)
      }
    },
  }
}
