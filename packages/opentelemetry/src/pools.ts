import type { BatchObservableResult, Meter } from '@opentelemetry/api'
import { type FlusherStats, statsOfAll } from '@periodic-flush/core'
import { POOL, STATE } from './attributes.ts'

/** How the clients of one name stand together: an instance of a metric has no other way to tell them apart. */
interface Pool {
  used: number
  idle: number
  max: number | undefined
  pending: number
  retiring: number
  /** Of the oldest, in seconds: one that is not flushed must not hide behind one that is. */
  age: number | undefined
}

/** Reports how every client in use stands, whenever metrics are collected. The function returned ends that. */
export function watchPools(meter: Meter): () => void {
  const count = meter.createObservableUpDownCounter('db.client.connection.count', {
    unit: '{connection}',
    description: 'Connections of all generations, by state',
  })
  const max = meter.createObservableUpDownCounter('db.client.connection.max', {
    unit: '{connection}',
    description: 'Connections that the current generation may hold',
  })
  const pending = meter.createObservableUpDownCounter('db.client.connection.pending_requests', {
    unit: '{request}',
    description: 'Callers that wait for a lease',
  })
  const retiring = meter.createObservableUpDownCounter('periodic_flush.generation.retiring', {
    unit: '{generation}',
    description: 'Old generations that still finish what is in flight',
  })
  const age = meter.createObservableGauge('periodic_flush.generation.age', {
    unit: 's',
    description: 'Age of the generation that serves; of the oldest, where several clients have one name',
  })
  const instruments = [count, max, pending, retiring, age]
  const told = new Map<string, Pool>()
  const report = (result: BatchObservableResult): void => {
    const now = pools(statsOfAll())
    for (const name of new Set([...told.keys(), ...now.keys()])) {
      const pool = sinceThen(told.get(name), now.get(name))
      told.set(name, pool)
      const attributes = { [POOL]: name }
      result.observe(count, pool.used, { ...attributes, [STATE]: 'used' })
      result.observe(count, pool.idle, { ...attributes, [STATE]: 'idle' })
      if (pool.max !== undefined) result.observe(max, pool.max, attributes)
      result.observe(pending, pool.pending, attributes)
      result.observe(retiring, pool.retiring, attributes)
      if (pool.age !== undefined) result.observe(age, pool.age, attributes)
    }
  }
  meter.addBatchObservableCallback(report, instruments)
  return () => meter.removeBatchObservableCallback(report, instruments)
}

/** An SDK may repeat what it was told last, so what is gone is told to be zero from then on. */
function sinceThen(before: Pool = nothing, now: Pool = nothing): Pool {
  return { ...now, max: now.max ?? (before.max && 0), age: now.age ?? (before.age && 0) }
}

function pools(all: readonly FlusherStats[]): Map<string, Pool> {
  const byName = new Map<string, Pool>()
  for (const stats of all) {
    const { used, idle, max, pending, retiring, age } = byName.get(stats.name) ?? nothing
    const generations = [stats, ...stats.retiring]
    // Where several leases share a connection, there are more of them than connections.
    const busy = sum(generations.map(({ leases, connections }) => Math.min(leases, connections)))
    byName.set(stats.name, {
      used: used + busy,
      idle: idle + sum(generations.map(({ connections }) => connections)) - busy,
      max: stats.limit === undefined ? max : (max ?? 0) + stats.limit,
      pending: pending + stats.waiting,
      retiring: retiring + stats.retiring.length,
      age: stats.ageMs === undefined ? age : Math.max(age ?? 0, stats.ageMs / 1000),
    })
  }
  return byName
}

const nothing: Pool = { used: 0, idle: 0, max: undefined, pending: 0, retiring: 0, age: undefined }

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
