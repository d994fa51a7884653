import { isPromise } from 'node:util/types'
import {
  type AcquireOptions,
  FirstMade,
  type FlushOptions,
  type FlushReport,
  type Holder,
  type Lease,
  type Options,
  PeriodicFlushError,
  verifyOptions,
} from '@periodic-flush/core'
import type {
  IsolationLevel,
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { verifyFactory, verifyFunction } from './arguments.ts'
import { poolPatience, underlyingDriver } from './driver.ts'
import { type PrismaFlusher, Rotation } from './rotation.ts'

/** What can be flushed, and how it stands. */
export interface Flushable {
  /**
   * Flushes now; see `$flush` of `@periodic-flush/core`. Resolves with a report, rejects (with the old client still
   * serving) if no fresh one could be opened and checked.
   */
  $flush(options?: FlushOptions): Promise<FlushReport>
  /** Events, figures, pause, resume and close. */
  readonly $flusher: PrismaFlusher
}

const flushing = new WeakMap<object, Rotation>()

/**
 * An adapter factory whose connections are flushed periodically: `new PrismaClient({ adapter: flushingAdapter(…) })`.
 *
 * Works by the public interface of driver adapters alone. All clients that are given this factory share one rotation.
 *
 * With a function it is asked for a factory at once, at every flush, and by a first use that is more than `intervalMs`
 * later, so that credentials and hosts may change with it. It may be async: what is returned is then a promise, since
 * Prisma wants to know the adapter's provider at once.
 *
 * @throws TypeError if `factory` is none, or for an option (RangeError where out of range); UNSUPPORTED_CLIENT if it is
 * flushing already. What an async one gives makes the promise reject instead; later failures fail the flush, with
 * OPEN_FAILED.
 */
export function flushingAdapter(
  factory: () => Promise<SqlDriverAdapterFactory>,
  options?: Options<SqlDriverAdapter>,
): Promise<SqlDriverAdapterFactory & Flushable>
export function flushingAdapter(
  factory: SqlDriverAdapterFactory | (() => SqlDriverAdapterFactory),
  options?: Options<SqlDriverAdapter>,
): SqlDriverAdapterFactory & Flushable
export function flushingAdapter(
  given: SqlDriverAdapterFactory | (() => SqlDriverAdapterFactory | Promise<SqlDriverAdapterFactory>),
  options: Options<SqlDriverAdapter> = {},
): (SqlDriverAdapterFactory & Flushable) | Promise<SqlDriverAdapterFactory & Flushable> {
  verifyOptions(options)
  if (typeof given !== 'function') return flushable(given, rotationOf(given, options))
  verifyFunction(given)
  const first = given()
  if (isPromise(first)) return first.then((factory) => ofFunction(factory, given, options))
  return ofFunction(first, given, options)
}

const returned = 'what the function returns'

/** Connects by `first` at first, unless it has grown old by then, and by whatever `next` gives from then on. */
function ofFunction(
  first: SqlDriverAdapterFactory,
  next: () => SqlDriverAdapterFactory | Promise<SqlDriverAdapterFactory>,
  options: Options<SqlDriverAdapter>,
): SqlDriverAdapterFactory & Flushable {
  const unused = new FirstMade(verified(first, returned), options)
  const connect = async (): Promise<SqlDriverAdapter> => {
    const factory = unused.take() ?? verified(await next(), returned)
    return factory.connect()
  }
  return flushable(first, new Rotation({ adapterName: first.adapterName, connect }, options))
}

function flushable(factory: SqlDriverAdapterFactory, rotation: Rotation): SqlDriverAdapterFactory & Flushable {
  const { provider, adapterName } = factory
  const connected = () => connect(rotation)
  const wrapped = { provider, adapterName, connect: connected, $flush: rotation.flush, $flusher: rotation }
  // For migrations, which need a database of their own for a moment: that is not flushed.
  if ('connectToShadowDb' in factory && typeof factory.connectToShadowDb === 'function') {
    Object.assign(wrapped, { connectToShadowDb: factory.connectToShadowDb.bind(factory) })
  }
  flushing.set(wrapped, rotation)
  return wrapped
}

/** Makes a factory itself flushing, for a client that was built with it already. */
export function makeFlushing(factory: SqlDriverAdapterFactory, options: Options<SqlDriverAdapter>): Rotation {
  const rotation = rotationOf(factory, options)
  factory.connect = () => connect(rotation)
  return rotation
}

function rotationOf(factory: SqlDriverAdapterFactory, options: Options<SqlDriverAdapter>): Rotation {
  const rotation = new Rotation(verified(factory), options)
  flushing.set(factory, rotation)
  return rotation
}

function verified(factory: SqlDriverAdapterFactory, name = 'factory'): SqlDriverAdapterFactory {
  verifyFactory(name, factory)
  if (flushing.has(factory)) {
    throw new PeriodicFlushError(
      'UNSUPPORTED_CLIENT',
      `${factory.adapterName}: this adapter factory is wrapped already; wrap it once, and share the result`,
    )
  }
  return factory
}

async function connect(rotation: Rotation): Promise<SqlDriverAdapter> {
  rotation.begin()
  try {
    // Prisma asks a connected adapter for its connection info at once, synchronously. As natively, to connect waits for
    // nobody who holds a connection.
    const { flusher } = rotation
    const first = flusher.current() ?? (await flusher.run('query', async (adapter) => adapter))
    return new FlushingAdapter(rotation, first)
  } catch (error) {
    await rotation.end()
    throw error
  }
}

/** The adapter that Prisma sees: each call runs on the client that serves at that moment. */
class FlushingAdapter implements SqlDriverAdapter {
  readonly provider: SqlDriverAdapter['provider']
  readonly adapterName: string
  readonly getConnectionInfo?: NonNullable<SqlDriverAdapter['getConnectionInfo']>
  readonly #rotation: Rotation
  readonly #flusher: Rotation['flusher']
  /** Natively callers wait in the pool, with its own time-out; here they wait in core. */
  readonly #patience: AcquireOptions | undefined
  #disposed: Promise<void> | undefined

  constructor(rotation: Rotation, first: SqlDriverAdapter) {
    this.#rotation = rotation
    this.#flusher = rotation.flusher
    this.provider = first.provider
    this.adapterName = first.adapterName
    const timeoutMs = poolPatience(first)
    if (timeoutMs !== undefined) this.#patience = { timeoutMs }
    const info = first.getConnectionInfo?.()
    if (info !== undefined) this.getConnectionInfo = () => info
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#run((adapter) => adapter.queryRaw(query))
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#run((adapter) => adapter.executeRaw(query))
  }

  executeScript(script: string): Promise<void> {
    return this.#run((adapter) => adapter.executeScript(script))
  }

  async startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    const hold = new TransactionHold((error) => this.#flusher.failed(lease.client, error))
    const lease = this.#flusher.tryAcquire(hold) ?? (await this.#flusher.acquire(hold, this.#patience).catch(tooLate))
    try {
      return new FlushingTransaction(await hold.begin(() => lease.client.startTransaction(isolationLevel)), lease, hold)
    } catch (error) {
      lease.release()
      throw error
    }
  }

  underlyingDriver(): unknown {
    const adapter = this.#flusher.current()
    return adapter === undefined ? undefined : underlyingDriver(adapter)
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#rotation.end()
    return this.#disposed
  }

  #run<T>(work: (adapter: SqlDriverAdapter) => Promise<T>): Promise<T> {
    const done = this.#flusher.run('query', work, this.#patience)
    return this.#patience === undefined ? done : done.catch(tooLate)
  }
}

/** In the words of pg, which its adapter passes on as they are. */
function tooLate(error: unknown): never {
  const late = error instanceof PeriodicFlushError && error.code === 'TIMEOUT'
  throw late ? new Error('timeout exceeded when trying to connect') : error
}

/**
 * Holds a lease for a transaction. Once it is cut, whatever waits is rejected, nothing more is sent, and it is rolled back:
 * nothing that failed with CUT is committed later, and a connection of a pool that lives on goes back to it.
 */
class TransactionHold implements Holder {
  readonly kind = 'transaction'
  #error: Error | undefined
  /** Until it ends by itself. */
  #begun: Promise<Transaction> | undefined
  readonly #waiting = new Set<(error: Error) => void>()
  readonly #failed: (error: unknown) => void

  /** @param failed is called with whatever fails in the transaction. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  begin(work: () => Promise<Transaction>): Promise<Transaction> {
    return this.race(() => {
      this.#begun = work()
      return this.#begun
    })
  }

  end(work: () => Promise<void>): Promise<void> {
    this.#begun = undefined
    return this.race(work)
  }

  cut(error: Error): void {
    this.#error = error
    for (const reject of this.#waiting) reject(error)
    // Nobody is left to hear how that goes.
    this.#begun?.then(rollBack).catch(() => {})
  }

  race<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error)
      this.#waiting.add(reject)
      const fail = (error: unknown): void => {
        this.#failed(error)
        reject(error)
      }
      work()
        .then(resolve, fail)
        .finally(() => this.#waiting.delete(reject))
    })
  }
}

/** As Prisma does it. */
async function rollBack(transaction: Transaction): Promise<void> {
  try {
    if (!transaction.options.usePhantomQuery) await transaction.executeRaw({ sql: 'ROLLBACK', args: [], argTypes: [] })
  } finally {
    await transaction.rollback()
  }
}

/** A transaction on one generation: its lease ends when commit or rollback has settled. */
class FlushingTransaction implements Transaction {
  readonly provider: Transaction['provider']
  readonly adapterName: string
  readonly options: Transaction['options']
  readonly createSavepoint?: (name: string) => Promise<void>
  readonly rollbackToSavepoint?: (name: string) => Promise<void>
  readonly releaseSavepoint?: (name: string) => Promise<void>
  readonly #transaction: Transaction
  readonly #lease: Lease<SqlDriverAdapter>
  readonly #hold: TransactionHold

  constructor(transaction: Transaction, lease: Lease<SqlDriverAdapter>, hold: TransactionHold) {
    this.#transaction = transaction
    this.#lease = lease
    this.#hold = hold
    this.provider = transaction.provider
    this.adapterName = transaction.adapterName
    this.options = transaction.options
    // Prisma takes the presence of these for the ability.
    const { createSavepoint, rollbackToSavepoint, releaseSavepoint } = transaction
    if (createSavepoint) this.createSavepoint = (name) => hold.race(() => createSavepoint.call(transaction, name))
    if (rollbackToSavepoint)
      this.rollbackToSavepoint = (name) => hold.race(() => rollbackToSavepoint.call(transaction, name))
    if (releaseSavepoint) this.releaseSavepoint = (name) => hold.race(() => releaseSavepoint.call(transaction, name))
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#hold.race(() => this.#transaction.queryRaw(query))
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#hold.race(() => this.#transaction.executeRaw(query))
  }

  commit(): Promise<void> {
    return this.#finish(() => this.#transaction.commit())
  }

  rollback(): Promise<void> {
    return this.#finish(() => this.#transaction.rollback())
  }

  async #finish(work: () => Promise<void>): Promise<void> {
    try {
      await this.#hold.end(work)
    } finally {
      this.#lease.release()
    }
  }
}
