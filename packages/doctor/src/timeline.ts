import type { Answer } from './findings.ts'
import type { Verdict } from './recommendation.ts'

/** Who answers on a connection, or why nobody does: an error, or silence, which is a `hang`. */
export type Serving =
  | { readonly address: string; readonly writable: boolean }
  | { readonly failure: string; readonly hang: boolean }

/** Something that changed during a switch-over. `fresh`: a connection opened now. `held`: one kept since the start. */
export type Happening =
  | { readonly atMs: number; readonly what: 'name'; readonly answer: Answer }
  | { readonly atMs: number; readonly what: 'fresh' | 'held'; readonly serving: Serving }

/** What the whole of it comes to. */
export interface Outcome {
  readonly verdict: Exclude<Verdict, 'proxy'>
  readonly headline: string
  readonly because: readonly string[]
}

/** One line for one happening, without its time. */
export function lineOf(happening: Happening): string {
  if (happening.what === 'name') {
    const { answer } = happening
    return 'failure' in answer
      ? `the name does not resolve: ${answer.failure}`
      : `the name leads to ${answer.addresses.join(', ')}`
  }
  const who = happening.what === 'fresh' ? 'a new connection' : 'the connection held since the start'
  const { serving } = happening
  if ('failure' in serving) {
    const fate = serving.hang ? 'hangs' : happening.what === 'fresh' ? 'fails' : 'is lost'
    return `${who} ${fate}: ${serving.failure}`
  }
  return `${who} reaches ${serving.address}, ${serving.writable ? 'which takes writes' : 'which is read-only'}`
}

/** Says what a switch-over that went like this means for a pool, which holds connections as the watch did. */
export function outcomeOf(happenings: readonly Happening[], endMs: number): Outcome {
  const because: string[] = []
  const outageMs = longestOutage(happenings, endMs)
  if (outageMs > 0) because.push(`new connections could not write for ${seconds(outageMs)}`)
  const connections = happenings.filter((each) => each.what !== 'name')
  const held = connections.findLast(({ what }) => what === 'held')
  const fresh = connections.findLast(({ what }) => what === 'fresh')
  if (held === undefined || fresh === undefined) {
    return { verdict: 'unknown', headline: 'No connection could be opened, so nothing can be said.', because }
  }
  if ('failure' in held.serving && held.serving.hang) {
    return {
      verdict: 'needed',
      headline: 'You need this: a pool would still wait for a server that says nothing.',
      because: [...because, `the connection held since the start hangs: ${held.serving.failure}`],
    }
  }
  if ('failure' in held.serving) {
    return {
      verdict: 'not-needed',
      headline: 'The old server closed its connections: a pool connects anew by itself.',
      because: [
        ...because,
        `the connection held since the start was lost: ${held.serving.failure}`,
        'only a server that hangs, or that lives on demoted, would hold a pool back',
      ],
    }
  }
  const stuck =
    'address' in fresh.serving &&
    (fresh.serving.address !== held.serving.address || (fresh.serving.writable && !held.serving.writable))
  if (stuck) {
    const parted = partedAt(happenings)
    return {
      verdict: 'needed',
      headline: 'You need this: a pool would still be on the old server.',
      because: [
        ...because,
        `the connection held since the start is still on ${held.serving.address}, ${held.serving.writable ? 'which still takes writes' : 'which is read-only now'}, ${seconds(endMs - parted)} after new ones went elsewhere`,
      ],
    }
  }
  return {
    verdict: 'unknown',
    headline: 'No switch-over was seen: new and old connections are on one server.',
    because,
  }
}

/** When a new connection last began to reach another server than before. */
function partedAt(happenings: readonly Happening[]): number {
  let address: string | undefined
  let since = 0
  for (const each of happenings) {
    if (each.what !== 'fresh' || 'failure' in each.serving || each.serving.address === address) continue
    address = each.serving.address
    since = each.atMs
  }
  return since
}

/** The longest time without a new connection that takes writes, after there was one. */
function longestOutage(happenings: readonly Happening[], endMs: number): number {
  let longest = 0
  let since: number | undefined
  let worked = false
  for (const each of happenings) {
    if (each.what !== 'fresh') continue
    const works = 'writable' in each.serving && each.serving.writable
    if (!works && worked) since ??= each.atMs
    if (works && since !== undefined) {
      longest = Math.max(longest, each.atMs - since)
      since = undefined
    }
    worked ||= works
  }
  return since === undefined ? longest : Math.max(longest, endMs - since)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
