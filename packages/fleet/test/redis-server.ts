import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Broker, installed, startBroker } from './broker.ts'

export const redisInstalled = installed('redis-server')

/** A Redis server on a socket in its own directory, so that it needs no free port. */
export class RedisServer implements AsyncDisposable {
  readonly path: string
  readonly #broker: Broker
  readonly #admin: Redis

  private constructor(broker: Broker, path: string) {
    this.#broker = broker
    this.path = path
    this.#admin = new Redis({ path })
  }

  static async start(): Promise<RedisServer> {
    const socket = (directory: string) => join(directory, 'redis.sock')
    const args = (directory: string) => [
      ...['--port', '0', '--unixsocket', socket(directory)],
      ...['--dir', directory, '--save', '', '--appendonly', 'no'],
    ]
    const broker = await startBroker('redis-server', args, 'eady to accept connections')
    return new RedisServer(broker, socket(broker.directory))
  }

  /** What `redis-cli publish` does; how many subscribers got it. */
  publish(channel: string, message: string): Promise<number> {
    return this.#admin.publish(channel, message)
  }

  async subscribers(channel: string): Promise<number> {
    const [, count] = (await this.#admin.pubsub('NUMSUB', channel)) as [string, number]
    return count
  }

  /** Breaks every connection that is subscribed. */
  async breakSubscribers(): Promise<void> {
    await this.#admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  }

  /** Says which channels anybody may subscribe to from now on. */
  async allow(channels: '*' | 'none'): Promise<void> {
    await this.#admin.call('ACL', 'SETUSER', 'default', ...(channels === '*' ? ['allchannels'] : ['resetchannels']))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#admin.disconnect()
    await this.#broker[Symbol.asyncDispose]()
  }
}
