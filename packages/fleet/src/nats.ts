import { type Rule, type Trigger, verifyValue, withMethods } from '@periodic-flush/core'
import type { Bus } from './bus.ts'
import { FleetTrigger } from './fleet-trigger.ts'
import { verifiedOptions } from './options.ts'

// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Trigger } from '@periodic-flush/core'

/** What is needed of a connection of `nats`, or of `@nats-io/transport-node`. */
export interface NatsConnection {
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: { string(): string }) => void },
  ): { unsubscribe(): void; readonly closed: Promise<unknown> }
}

/** What a NATS trigger takes. */
export interface NatsTriggerOptions {
  /** The subject to subscribe to. Default `'periodic-flush'`. */
  readonly subject?: string
  /** Each client waits a random part of this long before it flushes, in milliseconds, from 0. Default 5 000. */
  readonly spreadMs?: number
}

const natsConnection = withMethods('a connection of nats', 'subscribe', 'drain')

/** NATS takes what comes after a space for something else, and would subscribe to what comes before it. */
const subject: Rule = {
  expected: 'a NATS subject, words without spaces and with a dot between them',
  kind: (value) => typeof value === 'string',
  range: (value: string) => /^[^\s.]+(\.[^\s.]+)*$/.test(value),
}

/**
 * Flushes when a command is published on a NATS subject: `nats pub periodic-flush now` flushes every client of every
 * process, `now NAME` those of that name. Any other message flushes nothing and is told as the event `failed`.
 *
 * The connection is yours, and may serve other uses: it is subscribed with the first use of a wrapped client that was
 * given this trigger, unsubscribed after the last of them was closed, and never closed. What it loses while it is
 * disconnected is lost; it subscribes anew by its own means. A subscription that fails is told as the event `failed` and
 * tried again after at most 1 s, then 2 s, up to 30 s.
 *
 * @throws TypeError for something that is no connection, or an option that is unknown or of the wrong type; RangeError for
 * one out of range.
 */
export function natsTrigger(connection: NatsConnection, options: NatsTriggerOptions = {}): Trigger {
  const { channel, spreadMs } = verifiedOptions(options, 'subject', 'periodic-flush', subject)
  verifyValue('connection', connection, natsConnection)
  return new FleetTrigger(natsBus(connection, channel), spreadMs)
}

function natsBus(connection: NatsConnection, subject: string): Bus {
  return {
    name: 'nats',
    async subscribe({ message, lost }) {
      let ended = false
      const end = (error: unknown): void => {
        if (ended) return
        ended = true
        lost(error ?? new Error('The NATS subscription has ended: no fleet command arrives any more'))
      }
      const subscription = connection.subscribe(subject, {
        callback(error, received) {
          if (ended) return
          // An error here, such as a missing permission, ends the subscription.
          if (error !== null) end(error)
          else message(received.string())
        },
      })
      subscription.closed.then(end, end)
      return async () => {
        ended = true
        subscription.unsubscribe()
      }
    },
  }
}
