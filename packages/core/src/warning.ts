import { shown } from './rule.ts'

/** Says what a function of the user has thrown where nobody can catch it, without ending the process. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : `A listener threw ${shown(error)}`)
}
