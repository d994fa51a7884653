// So that declarations of a user's own can name what is inferred where nothing else is installed.
export type { Flusher, FlusherStats, FlushOptions, FlushReport } from '@periodic-flush/core'
export type { FlushingPool } from './pool.ts'
export { withPeriodicFlush } from './pool.ts'
