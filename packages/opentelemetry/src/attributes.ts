import type { Attributes } from '@opentelemetry/api'
import { PeriodicFlushError } from '@periodic-flush/core'

/** The names of attributes: those of OpenTelemetry's semantic conventions first, then our own. */
export const POOL = 'db.client.connection.pool.name'
export const STATE = 'db.client.connection.state'
export const ERROR = 'error.type'
export const REASON = 'periodic_flush.reason'

/** The attributes of a flush that succeeded (no `error`) or failed. */
export function flushAttributes(name: string, reason: string, error?: unknown): Attributes {
  return { [POOL]: name, [REASON]: reason, ...(error === undefined ? {} : { [ERROR]: errorType(error) }) }
}

/** Few enough values for a metric: our own code, else the driver's or Node's, else the class. */
export function errorType(error: unknown): string {
  if (error instanceof PeriodicFlushError) return error.code
  if (!(error instanceof Error)) return '_OTHER'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
