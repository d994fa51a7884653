import { shown } from '@periodic-flush/core'

/** What a message asks for. */
export interface Command {
  /** Only clients of this name flush; undefined: all do. */
  readonly only: string | undefined
}

/**
 * Reads a message: `now`, or an empty one, is for every client; `now NAME` is for those of that name alone.
 *
 * @throws TypeError for anything else. The error quotes no long message: it may be somebody else's.
 */
export function parsedCommand(message: unknown): Command {
  if (typeof message === 'string') {
    const [, only] = /^(?:now(?:\s+(.+))?)?$/s.exec(message.trim()) ?? [undefined, null]
    if (only !== null) return { only }
  }
  throw new TypeError(`Expected a fleet command to be empty, 'now' or 'now NAME', got ${shown(message)}`)
}
