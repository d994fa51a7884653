import { nonEmptyString, obeys, shown, type Trigger, withMethods } from '@periodic-flush/core'
import type { Bus } from './bus.ts'
import { FleetTrigger } from './fleet-trigger.ts'
import { hold } from './holders.ts'
import { verifiedOptions } from './options.ts'

// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Trigger } from '@periodic-flush/core'

/** What is needed of an `ioredis` client, or cluster. */
export interface IoRedisClient {
  readonly status: string
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'end', listener: () => void): unknown
}

/** What is needed of a client of the package `redis`, from version 4. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  subscribe(channel: string, listener: (message: unknown) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: unknown) => void): Promise<unknown>
  on(event: 'end', listener: () => void): unknown
  off(event: 'end', listener: () => void): unknown
}

/** What a Redis trigger takes. */
export interface RedisTriggerOptions {
  /** The channel to subscribe to. Default `'periodic-flush'`. */
  readonly channel?: string
  /** Each client waits a random part of this long before it flushes, in milliseconds, from 0. Default 5 000. */
  readonly spreadMs?: number
}

/**
 * Flushes when a command is published on a Redis channel: `redis-cli publish periodic-flush now` flushes every client of
 * every process, `now NAME` those of that name. Any other message flushes nothing and is told as the event `failed`.
 *
 * The client is yours, and for subscriptions alone: it is subscribed with the first use of a wrapped client that was
 * given this trigger, unsubscribed after the last of them was closed, and never closed. What it loses while it is
 * disconnected is lost; it subscribes anew by its own means. A subscription that fails is told as the event `failed` and
 * tried again after at most 1 s, then 2 s, up to 30 s.
 *
 * @param client a connection of `ioredis` or of the package `redis`, for example `redis.duplicate()`.
 * @throws TypeError for anything else, or an option that is unknown or of the wrong type; RangeError for one out of range.
 */
export function redisTrigger(client: IoRedisClient | NodeRedisClient, options: RedisTriggerOptions = {}): Trigger {
  const { channel, spreadMs } = verifiedOptions(options, 'channel', 'periodic-flush', nonEmptyString)
  return new FleetTrigger(redisBus(client, channel), spreadMs)
}

const redis = withMethods('a client of ioredis or redis', 'subscribe', 'unsubscribe', 'on', 'off')

function redisBus(client: IoRedisClient | NodeRedisClient, channel: string): Bus {
  if (obeys(client, redis)) {
    if ('isOpen' in client) return nodeRedisBus(client, channel)
    if ('status' in client) return ioRedisBus(client, channel)
  }
  throw new TypeError(`Expected \`client\` to be ${redis.expected}, got ${shown(client)}`)
}

function ioRedisBus(client: IoRedisClient, channel: string): Bus {
  return {
    name: 'redis',
    async subscribe({ message, lost }) {
      const onMessage = (from: string, text: string): void => {
        if (from === channel) message(text)
      }
      const onEnd = (): void => {
        leave()
        lost(endError())
      }
      const release = hold(client, channel)
      const leave = (): boolean => {
        client.off('message', onMessage)
        client.off('end', onEnd)
        return release()
      }
      client.on('message', onMessage)
      client.on('end', onEnd)
      try {
        await client.subscribe(channel)
      } catch (error) {
        leave()
        throw error
      }
      return async () => {
        if (leave()) await client.unsubscribe(channel)
      }
    },
  }
}

function nodeRedisBus(client: NodeRedisClient, channel: string): Bus {
  return {
    name: 'redis',
    async subscribe({ message, lost }) {
      let receive = message
      const listener = (text: unknown): void => receive(text)
      const onEnd = (): void => {
        leave()
        lost(endError())
      }
      const leave = (): void => {
        receive = () => {}
        client.off('end', onEnd)
      }
      client.on('end', onEnd)
      try {
        await client.subscribe(channel, listener)
      } catch (error) {
        leave()
        throw error
      }
      return async () => {
        leave()
        await client.unsubscribe(channel, listener)
      }
    },
  }
}

function endError(): Error {
  return new Error('The Redis client has ended: no fleet command arrives any more')
}
