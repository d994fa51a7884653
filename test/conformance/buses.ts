import type { Trigger } from '@periodic-flush/core'
import { natsTrigger } from '@periodic-flush/fleet/nats'
import { postgresTrigger } from '@periodic-flush/fleet/postgres'
import { redisTrigger } from '@periodic-flush/fleet/redis'
import { startPostgres } from '@periodic-flush/testing'
import { Redis } from 'ioredis'
import { connect } from 'nats'
import pg from 'pg'
import { NatsServer, natsInstalled } from '../../packages/fleet/test/nats-server.ts'
import { RedisServer, redisInstalled } from '../../packages/fleet/test/redis-server.ts'

/** A bus that runs, and a client of it that stays its owner's. */
export interface RunningBus extends AsyncDisposable {
  /** A trigger on the client. */
  trigger(): Trigger
  publish(message: string): Promise<unknown>
  /** How many subscriptions the server has. */
  subscribers(): Promise<number>
}

/** A kind of bus over which commands come. */
export interface Bus {
  readonly name: string
  /** Whether this machine has the server. */
  readonly installed: boolean
  start(): Promise<RunningBus>
}

const channel = 'periodic-flush'

const listen: Bus = {
  name: 'PostgreSQL LISTEN',
  installed: true,
  async start() {
    const server = await startPostgres()
    const client = new pg.Client(server.url())
    await client.connect()
    return {
      trigger: () => postgresTrigger(client, { spreadMs: 0 }),
      publish: (message) => server.query(`notify periodic_flush, '${message}'`),
      subscribers: async () => (await client.query('select pg_listening_channels()')).rows.length,
      async [Symbol.asyncDispose]() {
        await client.end()
        await server.stop()
      },
    }
  },
}

const redis: Bus = {
  name: 'Redis',
  installed: redisInstalled,
  async start() {
    const server = await RedisServer.start()
    const client = new Redis({ path: server.path })
    return {
      trigger: () => redisTrigger(client, { spreadMs: 0 }),
      publish: (message) => server.publish(channel, message),
      subscribers: () => server.subscribers(channel),
      async [Symbol.asyncDispose]() {
        await client.quit()
        await server[Symbol.asyncDispose]()
      },
    }
  },
}

const nats: Bus = {
  name: 'NATS',
  installed: natsInstalled,
  async start() {
    const server = await NatsServer.start()
    const connection = await connect({ servers: `${server.host}:${server.port}` })
    return {
      trigger: () => natsTrigger(connection, { spreadMs: 0 }),
      publish: (message) => server.publish(channel, message),
      subscribers: () => server.subscribers(channel),
      async [Symbol.asyncDispose]() {
        await connection.close()
        await server[Symbol.asyncDispose]()
      },
    }
  },
}

/** Every bus that there is a trigger for. */
export const buses: readonly Bus[] = [listen, redis, nats]
