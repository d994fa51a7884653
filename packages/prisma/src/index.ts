export { type Flushable, flushingAdapter } from './adapter.ts'
export { type FlushExtension, type PrismaClientLike, withPeriodicFlush } from './extension.ts'
export type { PrismaFlusher } from './rotation.ts'
