export type { FlushingSql, Types } from './sql.ts'
export { withPeriodicFlush } from './sql.ts'
