import { isPromise } from 'node:util/types'
import { FirstMade, type Options, PeriodicFlushError, shown } from '@periodic-flush/core'
import { FacadePool } from './facade-pool.ts'
import { type AnyPool, NativeConnection, NativePool, nativeOf, noop } from './native.ts'

/** Makes pools, and sees to it that each is one that can be flushed; the first, made already, serves before all others. */
export class Factory<Pool extends AnyPool> {
  readonly first: NativePool
  readonly flavour: 'callback' | 'promise'
  readonly #make: () => Pool | Promise<Pool>
  readonly #prepare: (pool: Pool, native: NativePool) => void
  /** Every pool that was prepared, by what it stands on. */
  readonly #known = new WeakMap<NativePool, Pool>()
  readonly #unused: FirstMade<Pool>

  /** `prepare` is called with each pool before anything is asked of it. */
  constructor(
    make: () => Pool | Promise<Pool>,
    first: Pool,
    options: Pick<Options, 'intervalMs'>,
    prepare: (pool: Pool, native: NativePool) => void,
  ) {
    this.#make = make
    this.#prepare = prepare
    this.first = verified(first)
    this.#unused = new FirstMade(first, options, () => this.first.end(noop))
    this.flavour = flavourOf(first)
  }

  open(): Pool | Promise<Pool> {
    const pool = this.#unused.take() ?? this.#make()
    return isPromise(pool) ? pool.then((made) => this.#prepared(made)) : this.#prepared(pool)
  }

  /** Ends the first pool, if nobody has used it: its timer would keep the process alive. */
  async dispose(): Promise<void> {
    this.#unused.drop()
  }

  #prepared(pool: Pool): Pool {
    const native = verified(pool)
    // One that comes again, be it in another wrapper, is given back as what it was: core sees that it is in use.
    const known = this.#known.get(native)
    if (known !== undefined) return known
    if (flavourOf(pool) !== this.flavour) {
      native.end(noop)
      throw unsupported(`a ${flavourOf(pool)} pool after ${this.flavour} ones`)
    }
    this.#known.set(native, pool)
    this.#prepare(pool, native)
    return pool
  }
}

function flavourOf(pool: object): 'callback' | 'promise' {
  return pool instanceof NativePool ? 'callback' : 'promise'
}

function verified(pool: unknown): NativePool {
  if (typeof pool !== 'object' || pool === null) throw unsupported(shown(pool))
  const native = nativeOf(pool)
  // Its views have no `$flusher`: `pool.promise()` of the callback flavour, `pool.pool` of the other.
  if ('$flusher' in pool || native instanceof FacadePool) throw unsupported('one that is flushed already')
  if (native instanceof NativePool) return native
  if ('threadId' in pool) {
    end('connection' in pool ? pool.connection : pool)
    throw unsupported('a single connection: use createPool')
  }
  if ('add' in pool || '_cluster' in pool || 'poolNamespace' in pool) {
    throw unsupported('a pool cluster: wrap one pool for each server name')
  }
  const another = 'getConnection' in pool ? 'a pool of something else, or of another copy of mysql2' : shown(pool)
  throw unsupported(another)
}

/** What a factory made and cannot be used is ours to close: nobody else holds it. One that is on loan goes back. */
function end(connection: unknown): void {
  if (!(connection instanceof NativeConnection)) return
  connection.on('error', noop)
  if (connection.release !== undefined) connection.release()
  else connection.end(noop)
}

function unsupported(given: string): PeriodicFlushError {
  return new PeriodicFlushError('UNSUPPORTED_CLIENT', `Expected the factory to return a new mysql2 pool, got ${given}`)
}
