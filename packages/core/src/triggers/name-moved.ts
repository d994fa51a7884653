import dns from 'node:dns'
import type { Endpoint } from '../driver.ts'
import { aFunction, milliseconds, nonEmptyString, type Rule, verified } from '../rule.ts'
import type { Trigger } from '../trigger.ts'
import { type Lookup, NameWatch } from './name-watch.ts'

/** How a name is watched. */
export interface NameMovedOptions {
  /**
   * Time between look-ups in milliseconds, from 1; each is shortened at random by up to a tenth. A fleet that sees the
   * same answer moves within as long, evenly spread over it. Default 1 000.
   */
  readonly pollMs?: number
  /** How long the answer must have been the same to count as settled, in milliseconds, from 0. Default 5 000. */
  readonly settleMs?: number
  /** Looks a name up. Default: `dns.lookup`, as drivers do, so that `/etc/hosts` counts too. */
  readonly lookup?: Lookup
  /** What to watch where the client does not tell, as with `@prisma/adapter-mariadb`. Default: what the client was told. */
  readonly endpoints?: readonly Pick<Endpoint, 'host'>[]
}

const rules: Readonly<Record<keyof NameMovedOptions, Rule>> = {
  pollMs: milliseconds(1),
  settleMs: milliseconds(0),
  lookup: aFunction,
  endpoints: {
    expected: 'an array of { host }',
    kind: (value) => Array.isArray(value) && value.every((endpoint) => nonEmptyString.kind(endpoint?.host)),
    range: (value: readonly { host: string }[]) => value.every(({ host }) => host !== ''),
  },
}

/**
 * Flushes when the name that the client connects to has moved: when a live socket of the client is connected to an
 * address that is no longer in the answer, or, where the client does not tell its addresses, when the answer is another.
 *
 * Answers flap for a while in a real failover. What follows a move is therefore part of it: once the answer has been the
 * same for `settleMs` it flushes once more, and until then only for an address that has been gone for as long.
 *
 * A look-up that fails or is empty is no change. There is one look-up per name at a time at most, none on the way of a
 * query, none for addresses and Unix sockets, and none while nothing is connected. A name that answers with one of several
 * addresses in turn moves all the time: leave that one to the interval.
 *
 * @throws TypeError or RangeError for a wrong option.
 */
export function nameMoved(options: NameMovedOptions = {}): Trigger {
  const given = verified(options, rules, 'options of nameMoved')
  const { pollMs = 1_000, settleMs = 5_000, lookup = lookupAll, endpoints } = given
  return {
    name: 'name-moved',
    start(watched) {
      const watch = new NameWatch(watched, { pollMs, settleMs, lookup, endpoints })
      watch.start()
      return () => watch.stop()
    },
  }
}

/** Asks for the function at each call, as drivers do: it may have been replaced. */
function lookupAll(host: string): ReturnType<Lookup> {
  return new Promise((resolve, reject) => {
    dns.lookup(host, { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error)))
  })
}
