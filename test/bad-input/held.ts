import { channel } from 'node:diagnostics_channel'
import dns from 'node:dns'
import { chmodSync, mkdtempSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Nobody else makes folders in it. */
const folder = mkdtempSync(join(tmpdir(), 'periodic-flush-bad-input-'))
// Servers run as somebody else.
chmodSync(folder, 0o755)
process.env['TMPDIR'] = folder

export async function removeFolder(): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

/** How often the factories of the cases were called. */
export const made = { count: 0 }

const channels = ['swap', 'retired', 'cut', 'failed', 'waiting', 'listen-gap', 'flush:start', 'flush:asyncEnd']

/** What keeps the process alive, listens or stands in for something, and what was made. */
export function held(): Readonly<Record<string, unknown>> {
  return {
    resources: process
      .getActiveResourcesInfo()
      .filter((what) => !/^(Immediate|MessagePort|FSReqPromise)$/.test(what))
      .sort(),
    listeners: process.eventNames().map((event) => `${String(event)} ${process.listenerCount(event)}`),
    subscribed: channels.filter((name) => channel(`periodic-flush:${name}`).hasSubscribers),
    lookup: dns.lookup,
    folders: readdirSync(folder),
    made: made.count,
  }
}
