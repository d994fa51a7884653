import { type Options, PeriodicFlushError, verifyOptions } from '@periodic-flush/core'
import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { type Flushable, makeFlushing } from './adapter.ts'
import { isNoClient, isPrismaClient, verifyClient } from './arguments.ts'
import type { Rotation } from './rotation.ts'

/** What this package needs of a PrismaClient. */
export interface PrismaClientLike {
  $extends(extension: never): unknown
  $disconnect(): Promise<void>
}

/** What an extension adds to a client, in the form in which Prisma's types carry it on through further `$extends`. */
export interface ExtensionArgs {
  readonly extArgs: {
    result: Record<never, never>
    model: Record<never, never>
    query: Record<never, never>
    client: { $flush: () => Flushable['$flush']; $flusher: () => Flushable['$flusher'] }
  }
}

/** An extension, as `prisma.$extends` takes it. */
export type FlushExtension = (client: PrismaClientLike) => { $extends: ExtensionArgs }

/** The internal of PrismaClient that this package looks at, and nothing else. */
interface Internals {
  readonly _engineConfig?: { readonly adapter?: SqlDriverAdapterFactory; readonly accelerateUrl?: string }
}

/**
 * Makes a PrismaClient flush its connections periodically. Returns the same client, which has `$flush` and `$flusher`
 * now; models, extensions, listeners and the plan cache stay, and clients that are made of it with `$extends` have them
 * too.
 *
 * The client's adapter factory itself becomes a flushing one, so every client that shares it flushes too. Wrap before
 * the first query: a client that is connected already is disconnected once, and connects anew with its next query.
 *
 * @throws UNSUPPORTED_CLIENT if the client has no driver adapter (say, it is on `accelerateUrl`), or is wrapped already;
 * TypeError or RangeError for a wrong option, or if `prisma` is no PrismaClient.
 */
export function withPeriodicFlush<Client extends PrismaClientLike>(
  prisma: Client,
  options?: Options<SqlDriverAdapter>,
): Client & Flushable
/** The same as an extension: `prisma.$extends(withPeriodicFlush(options))`. */
export function withPeriodicFlush(options?: Options<SqlDriverAdapter>): FlushExtension
export function withPeriodicFlush(
  first?: PrismaClientLike | Options<SqlDriverAdapter>,
  options?: Options<SqlDriverAdapter>,
): unknown {
  if (isPrismaClient(first)) {
    const rotation = wrap(first, options)
    // Not by `$extends`: each layer of it costs every query some microseconds, and drops `$on`.
    // As replaceable as it was, for those who spy on it.
    const $disconnect = { value: disconnecting(first, rotation), writable: true, configurable: true }
    const flushable = { $flush: { value: rotation.flush }, $flusher: { value: rotation } }
    return Object.defineProperties(first, { ...flushable, $disconnect })
  }
  if (options !== undefined || !isNoClient(first)) verifyClient(first)
  verifyOptions(first === undefined ? {} : first)
  return (client: PrismaClientLike) => {
    verifyClient(client)
    const rotation = wrap(client, first)
    const $disconnect = disconnecting(client, rotation)
    const extension = { name: 'periodic-flush', client: { $flush: rotation.flush, $flusher: rotation, $disconnect } }
    return client.$extends(extension as never)
  }
}

function wrap(prisma: PrismaClientLike, options: Options<SqlDriverAdapter> = {}): Rotation {
  const rotation = makeFlushing(adapterFactoryOf(prisma), options)
  // A no-op on a client that has not connected. One that has must let go of what it connected by itself.
  disconnectNatively(prisma).catch((error: unknown) =>
    process.emitWarning(error instanceof Error ? error : String(error)),
  )
  return rotation
}

/**
 * Disconnects by Prisma's own method: what a subclass or an extension does besides, as that of read replicas does, is for
 * those who end the client.
 */
function disconnectNatively(prisma: PrismaClientLike): Promise<void> {
  let { $disconnect } = prisma
  // A client hides its prototypes, but not its class.
  let methods: unknown = prisma.constructor.prototype
  for (; typeof methods === 'object' && methods !== null; methods = Object.getPrototypeOf(methods)) {
    if (Object.hasOwn(methods, '$disconnect')) $disconnect = (methods as PrismaClientLike).$disconnect
  }
  return $disconnect.call(prisma)
}

/** Prisma disposes of an adapter only if it has connected one itself: not where all there was is a flush. */
function disconnecting(prisma: PrismaClientLike, rotation: Rotation): () => Promise<void> {
  const disconnect = prisma.$disconnect.bind(prisma)
  return async () => {
    await disconnect()
    await rotation.vacate()
  }
}

function adapterFactoryOf(prisma: PrismaClientLike): SqlDriverAdapterFactory {
  const config = (prisma as Internals)._engineConfig
  const adapter = config?.adapter
  if (adapter !== undefined && typeof adapter.connect === 'function') return adapter
  const why =
    config?.accelerateUrl === undefined
      ? 'its driver adapter cannot be found'
      : 'it is on `accelerateUrl`, not an adapter'
  throw new PeriodicFlushError(
    'UNSUPPORTED_CLIENT',
    `This PrismaClient cannot be wrapped: ${why}. Wrap the adapter instead: new PrismaClient({ adapter: flushingAdapter(new PrismaPg({ connectionString })) })`,
  )
}
