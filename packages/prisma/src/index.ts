export { type Flushable, flushingAdapter } from './adapter.ts'
export { type ExtensionArgs, type FlushExtension, type PrismaClientLike, withPeriodicFlush } from './extension.ts'
export type { PrismaFlusher } from './rotation.ts'
