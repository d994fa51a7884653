export type { AnyPool } from './native.ts'
export { type FlushingPool, withPeriodicFlush } from './pool.ts'
