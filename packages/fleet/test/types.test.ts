import type { NatsConnection as NatsConnection3 } from '@nats-io/transport-node'
import type { Trigger } from '@periodic-flush/core'
import type { FlushingSql } from '@periodic-flush/postgres'
import type { Cluster, Redis } from 'ioredis'
import type { NatsConnection } from 'nats'
import type { Client, Pool, PoolClient } from 'pg'
import type { Sql } from 'postgres'
import type { createClient, createCluster } from 'redis'
import type { createClient as createClient5 } from 'redis-5'
import { expectTypeOf, test } from 'vitest'
import { natsTrigger } from '../src/nats.ts'
import { postgresTrigger } from '../src/postgres.ts'
import { redisTrigger } from '../src/redis.ts'

test('the clients that people have are taken as they are, without a cast', () => {
  expectTypeOf(redisTrigger).returns.toEqualTypeOf<Trigger>()
  expectTypeOf(redisTrigger).toBeCallableWith({} as Redis)
  expectTypeOf(redisTrigger).toBeCallableWith({} as Cluster, { channel: 'a', spreadMs: 0 })
  expectTypeOf(redisTrigger).toBeCallableWith({} as ReturnType<typeof createClient>)
  expectTypeOf(redisTrigger).toBeCallableWith({} as ReturnType<typeof createCluster>)
  expectTypeOf(redisTrigger).toBeCallableWith({} as ReturnType<typeof createClient5>)
  expectTypeOf(natsTrigger).returns.toEqualTypeOf<Trigger>()
  expectTypeOf(natsTrigger).toBeCallableWith({} as NatsConnection, { subject: 'a', spreadMs: 0 })
  expectTypeOf(natsTrigger).toBeCallableWith({} as NatsConnection3)
  expectTypeOf(postgresTrigger).returns.toEqualTypeOf<Trigger>()
  expectTypeOf(postgresTrigger).toBeCallableWith({} as Client, { channel: 'a', spreadMs: 0 })
  expectTypeOf(postgresTrigger).toBeCallableWith({} as PoolClient)
  expectTypeOf(postgresTrigger).toBeCallableWith({} as Sql)
  expectTypeOf(postgresTrigger).toBeCallableWith({} as FlushingSql)
})

test('a wrong call does not compile', () => {
  const wrong = () => {
    // @ts-expect-error: an address is no client
    redisTrigger('redis://localhost')
    // @ts-expect-error: NATS has subjects
    natsTrigger({} as NatsConnection, { channel: 'a' })
    // @ts-expect-error: Redis has channels
    redisTrigger({} as Redis, { subject: 'a' })
    // @ts-expect-error: a pool cannot listen
    postgresTrigger({} as Pool)
    // @ts-expect-error: milliseconds are a number
    postgresTrigger({} as Client, { spreadMs: '5s' })
    // @ts-expect-error: another bus's client
    redisTrigger({} as NatsConnection)
  }
  expectTypeOf(wrong).toBeFunction()
})
