import dns from 'node:dns'
import { isIP } from 'node:net'
import type { Clock } from './clock.ts'
import type { ConnectionString } from './connection-string.ts'
import { reasonOf, withPatience } from './errors.ts'
import type { Answer, Change, NameFindings } from './findings.ts'
import { providerOf } from './provider.ts'
import { Records } from './records.ts'

/** How often, and for how long, a name is looked up. */
export interface Looking {
  readonly forMs: number
  readonly everyMs: number
  /** How long one look-up may take. */
  readonly patienceMs: number
  readonly clock: Clock
  /** Told after each look-up. */
  onLookup?(done: number, total: number): void
}

/** Looks a name up as drivers do: with `dns.lookup`, which also reads the hosts file. The order does not count. */
export async function lookUp(host: string, patienceMs: number): Promise<Answer> {
  try {
    const all = await withPatience(dns.promises.lookup(host, { all: true }), patienceMs)
    return { addresses: [...new Set(all.map(({ address }) => address))].sort() }
  } catch (error) {
    return { failure: reasonOf(error) }
  }
}

export function sameAnswer(one: Answer, other: Answer): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** What kind of host that is. */
export function kindOf({ host, socket }: Pick<ConnectionString, 'host' | 'socket'>): NameFindings['kind'] {
  if (socket !== undefined) return 'socket'
  const loopback = /^(127\.|::1$)/.test(host) || /^(.*\.)?localhost\.?$/i.test(host)
  if (loopback) return 'local'
  return isIP(host) === 0 ? 'name' : 'address'
}

/** Looks the host up again and again, and notes what changes. Only a name is; the rest cannot move. */
export async function watchName(
  to: ConnectionString,
  looking: Looking,
  records = new Records(),
): Promise<NameFindings> {
  const kind = kindOf(to)
  const { host } = to
  const still = { host: to.socket ?? host, kind, lookups: 0, overMs: 0, changes: [], aliases: [] }
  if (kind !== 'name') return still
  const { clock, forMs, everyMs, patienceMs } = looking
  const aliases = await records.aliases(host)
  const provider = providerOf([host, ...aliases])
  const total = Math.floor(forMs / everyMs) + 1
  const start = clock.now()
  const changes: Change[] = []
  const ttls: number[] = []
  for (let done = 1; done <= total; done += 1) {
    if (done > 1) await clock.pause(everyMs)
    const answer = await lookUp(host, patienceMs)
    const last = changes.at(-1)
    const before = last && ('failure' in last ? { failure: last.failure } : { addresses: last.addresses })
    if (before === undefined || !sameAnswer(before, answer)) changes.push({ ...answer, atMs: clock.now() - start })
    ttls.push(...(await records.ttls(aliases.at(-1) ?? host)))
    looking.onLookup?.(done, total)
  }
  return {
    ...still,
    lookups: total,
    overMs: clock.now() - start,
    changes,
    aliases,
    ...(ttls.length > 0 && { ttlSeconds: Math.max(...ttls) }),
    ...(provider !== undefined && { provider }),
  }
}
