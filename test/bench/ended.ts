import { setTimeout as sleep } from 'node:timers/promises'

/** Ends a contender, as far as it can: some wait for ever on what was lost. True if it still does. */
export async function ended(contender: { end(): Promise<unknown> }): Promise<boolean> {
  const end = contender.end().then(
    () => false,
    () => false,
  )
  return await Promise.race([end, sleep(6_000, true, { ref: false })])
}
