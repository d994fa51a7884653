import { EventEmitter } from 'node:events'
import { isPromise } from 'node:util/types'
import {
  createFlusher,
  type Flusher,
  type FlushOptions,
  type FlushReport,
  type Making,
  type Options,
  verifyFactory,
  verifyOptions,
} from '@periodic-flush/core'
import { mysql2Driver } from './driver.ts'
import { FacadePool } from './facade-pool.ts'
import { Factory } from './factory.ts'
import type { AnyPool } from './native.ts'
import { type Forward, OpenedPool } from './opened-pool.ts'
import { Settings } from './settings.ts'

/** A pool that is flushed: what the factory returned, plus two members. */
export type FlushingPool<Pool extends AnyPool = AnyPool> = Pool & {
  /** Flushes now; resolves once the old pool is gone or its deadline has come. */
  readonly $flush: (options?: FlushOptions) => Promise<FlushReport>
  /** The schedule: `stats()`, `on(event, listener)`, `pause()`, `resume()`, `close()`. */
  readonly $flusher: Flusher<Pool>
}

/**
 * A mysql2 pool, of either flavour, that does not stay glued to yesterday's database: at every flush `factory` makes a
 * fresh pool, which looks its host up anew, and the old one finishes what it has begun.
 *
 * @param factory makes a new pool at each call, as in `() => createPool(config)`; called once at once, which opens no
 * connection, and once more if the first use is more than `intervalMs` later. It may be async, to fetch credentials:
 * what is returned is then a promise of the flushed pool.
 * @throws TypeError for a factory that is not a function; TypeError or RangeError for wrong options;
 * PeriodicFlushError UNSUPPORTED_CLIENT for a factory that returns anything but a new pool. An async factory makes the
 * promise reject instead, also with what the factory's own first promise rejects with.
 */
export function withPeriodicFlush<Pool extends AnyPool>(
  factory: () => Promise<Pool>,
  options?: Options<Pool>,
): Promise<FlushingPool<Pool>>
export function withPeriodicFlush<Pool extends AnyPool>(
  factory: () => Pool,
  options?: Options<Pool>,
): FlushingPool<Pool>
export function withPeriodicFlush<Pool extends AnyPool>(
  factory: () => Pool | Promise<Pool>,
  options: Options<Pool> = {},
): FlushingPool<Pool> | Promise<FlushingPool<Pool>> {
  verifyFactory(factory, making)
  verifyOptions(options)
  const first = factory()
  return isPromise(first) ? first.then((pool) => flushing(factory, pool, options)) : flushing(factory, first, options)
}

const making: Making = {
  makes: 'a new mysql2 pool',
  as: 'createPool(config)',
  isClient: (value) => value instanceof EventEmitter && 'query' in value,
}

function flushing<Pool extends AnyPool>(
  make: () => Pool | Promise<Pool>,
  first: Pool,
  options: Options<Pool>,
): FlushingPool<Pool> {
  const known = new WeakMap<Pool, OpenedPool>()
  const factory = new Factory(make, first, options, (pool, native) => {
    settings.applyTo(native)
    const forward: Forward = (event, connection) => facade.emit(event, connection)
    known.set(pool, new OpenedPool(native, forward, (error) => flusher.failed(pool, error)))
  })
  const settings = new Settings(factory.first)
  const opened = (pool: Pool): OpenedPool => {
    const found = known.get(pool)
    if (found === undefined) throw new TypeError('Expected a pool that was opened here')
    return found
  }
  const flusher = createFlusher(
    mysql2Driver(
      () => factory.open(),
      opened,
      () => factory.dispose(),
    ),
    options,
  )
  const facade = new FacadePool(settings, flusher, opened)
  const pool = factory.flavour === 'callback' ? facade : facade.promise('Promise' in first ? first.Promise : undefined)
  return Object.defineProperties(pool, {
    $flush: { value: (given?: FlushOptions) => flusher.flush(given) },
    $flusher: { value: flusher },
  }) as unknown as FlushingPool<Pool>
}
