import { PeriodicFlushError, shown } from '@periodic-flush/core'
import { type AnyPool, NativePool, nativeOf } from './native.ts'

/** Makes pools, and sees to it that each is one that can be flushed; the first, made already, serves before all others. */
export class Factory<Pool extends AnyPool> {
  readonly first: NativePool
  readonly flavour: 'callback' | 'promise'
  readonly #make: () => Pool | Promise<Pool>
  readonly #prepare: (pool: Pool, native: NativePool) => void
  #unused: Pool | undefined

  /** `prepare` is called with each pool before anything is asked of it. */
  constructor(make: () => Pool | Promise<Pool>, first: Pool, prepare: (pool: Pool, native: NativePool) => void) {
    this.#make = make
    this.#prepare = prepare
    this.#unused = first
    this.first = verified(first)
    this.flavour = flavourOf(first)
  }

  open(): Pool | Promise<Pool> {
    const pool = this.#unused ?? this.#make()
    this.#unused = undefined
    return pool instanceof Promise ? pool.then((made) => this.#prepared(made)) : this.#prepared(pool)
  }

  #prepared(pool: Pool): Pool {
    const native = verified(pool)
    if (flavourOf(pool) !== this.flavour) throw unsupported(`a ${flavourOf(pool)} pool after ${this.flavour} ones`)
    this.#prepare(pool, native)
    return pool
  }
}

function flavourOf(pool: object): 'callback' | 'promise' {
  return pool instanceof NativePool ? 'callback' : 'promise'
}

function verified(pool: unknown): NativePool {
  if (typeof pool !== 'object' || pool === null) throw unsupported(shown(pool))
  if ('$flusher' in pool) throw unsupported('one that is flushed already')
  const native = nativeOf(pool)
  if (native instanceof NativePool) return native
  if ('threadId' in pool) throw unsupported('a single connection: use createPool')
  const another = 'getConnection' in pool ? 'a pool of something else, or of another copy of mysql2' : shown(pool)
  throw unsupported(another)
}

function unsupported(given: string): PeriodicFlushError {
  return new PeriodicFlushError('UNSUPPORTED_CLIENT', `Expected the factory to return a new mysql2 pool, got ${given}`)
}
