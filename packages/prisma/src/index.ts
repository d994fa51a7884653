// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { FlusherStats, FlushOptions, FlushReport } from '@periodic-flush/core'
export type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
export { type Flushable, flushingAdapter } from './adapter.ts'
export { type ExtensionArgs, type FlushExtension, type PrismaClientLike, withPeriodicFlush } from './extension.ts'
export type { PrismaFlusher } from './rotation.ts'
