import type { Trigger } from '../trigger.ts'

/**
 * Flushes when a statement fails with an error that tells of a wrong or dead server: read-only, shutting down,
 * connection lost (the driver knows which those are). The error reaches the caller unchanged; nothing is sent again.
 *
 * After a read-only error the server is asked whether it takes writes: a transaction that the user made read-only is no
 * failover. If it does not, the old client is done with: its stragglers are cut at the deadline.
 */
export function failover(): Trigger {
  return {
    name: 'failover',
    start(watched) {
      let asking = false
      const flush = (suspicion: string, abandoned: boolean): void =>
        watched.flush({ reason: `failover: ${suspicion}`, abandoned })
      return watched.onSuspicion(async (suspicion) => {
        if (suspicion !== 'read-only') return flush(suspicion, false)
        // One answer serves all that fail meanwhile.
        if (asking) return
        asking = true
        // A server that does not answer is none to stay with.
        const writable = await watched.writable().catch(() => false)
        asking = false
        if (writable !== true) flush(suspicion, true)
      })
    },
  }
}
