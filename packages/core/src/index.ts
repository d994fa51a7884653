export { backoff } from './backoff.ts'
export type { Clock, Timer } from './clock.ts'
export type { Driver, Endpoint } from './driver.ts'
export { type ErrorCode, PeriodicFlushError } from './errors.ts'
export type { FailedStep, FlusherEvents, FlushTrace, Listener } from './events.ts'
export { type Making, verifyFactory } from './factory.ts'
export { FirstMade } from './first-made.ts'
export type { FlushReport } from './flush-report.ts'
export { createFlusher, type Flusher, type Surroundings } from './flusher.ts'
export type { FlusherStats } from './flusher-stats.ts'
export type { Holder, Lease, LeaseKind, Straggler } from './generation.ts'
export { statsOfAll } from './live.ts'
export {
  type CloseOptions,
  defaults,
  type FlushOptions,
  type HoldOptions,
  type OnDeadline,
  type Options,
  verifyOptions,
} from './options.ts'
export { type PeriodicFlush, type PeriodicFlushOptions, startPeriodicFlush } from './periodic-flush.ts'
export { milliseconds, nonEmptyString, obeys, type Rule, shown, verified, verifyValue, withMethods } from './rule.ts'
export { flushAll, type Target, type TargetReport } from './target.ts'
export type { Trigger, TriggerRequest, Watched } from './trigger.ts'
export { failover } from './triggers/failover.ts'
export { type NameMovedOptions, nameMoved } from './triggers/name-moved.ts'
export type { Lookup } from './triggers/name-watch.ts'
export { signal } from './triggers/signal.ts'
export type { AcquireOptions, Caller } from './waiters.ts'
