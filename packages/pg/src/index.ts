export type { FlushingPool } from './pool.ts'
export { withPeriodicFlush } from './pool.ts'
