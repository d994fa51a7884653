import type { Driver } from './driver.ts'
import type { Events } from './events.ts'
import { requestOf } from './flush-request.ts'
import type { ResolvedOptions } from './options.ts'
import type { Rotator } from './rotator.ts'
import type { WatchedFlusher } from './watch.ts'

/** How long new work waits for a writable server after the one that serves was demoted; reads could go on there. */
const PATIENCE_MS = 500

/** What the triggers see of a flusher, and what their requests do to its rotation. */
export function watchedFlusher<Client>(
  driver: Driver<Client>,
  options: ResolvedOptions<Client>,
  rotator: Rotator<Client>,
  events: Events,
  writable: () => Promise<boolean | undefined>,
): WatchedFlusher {
  return {
    flush({ reason, abandoned = false, gone = [] }, again) {
      const flushed = rotator.flush(requestOf(options, { reason, abandoned, gone, hold: false }), 'swapped')
      // Whoever came now would fail as the others did.
      if (abandoned && !again && options.require === 'writable') rotator.distrust(reason, PATIENCE_MS)
      return flushed
    },
    failed(reason, error) {
      events.emit('failed', { name: options.name, reason, step: 'trigger', error })
    },
    endpoints() {
      const client = rotator.current?.client
      return client === undefined ? [] : (driver.endpoints?.(client) ?? [])
    },
    peers() {
      return rotator.current === undefined ? [] : rotator.current.told
    },
    writable,
  }
}
