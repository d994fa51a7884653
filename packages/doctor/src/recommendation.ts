import { advice } from './advice.ts'
import type { Findings, NameFindings, ServerFindings } from './findings.ts'
import { type Refusal, remedies } from './refusal.ts'

/** `unknown`: nothing could be found out, since no server was reached, or none let us in. */
export type Verdict = 'needed' | 'not-needed' | 'proxy' | 'unknown'

/** What to do, in words for a person; `settings` are lines to copy. */
export interface Recommendation {
  readonly verdict: Verdict
  readonly headline: string
  readonly because: readonly string[]
  readonly settings: readonly string[]
}

type Reached = Exclude<ServerFindings, { readonly failure: string }>

/** Says what these findings mean. The same findings always give the same answer. */
export function recommend(findings: Findings): Recommendation {
  const { name, proxy, forwarded, servers, engine } = findings
  const reached = servers.filter((server): server is Reached => !('failure' in server))
  if (reached.length === 0) return unknown(findings)
  if (proxy !== undefined) {
    return {
      verdict: 'proxy',
      headline: `You do not need this here: ${proxy.title} sits in between. Set it there.`,
      because: [
        proxy.evidence,
        'your connections end at the proxy; it is the proxy that holds on to a server',
        ...(answersOf(name).length > 1 ? ["the proxy's own name moves too: there a maximum age does"] : []),
      ],
      settings: proxy.settings,
    }
  }
  const reasons = reasonsFor(name, reached)
  if (reasons.length > 0) {
    return {
      verdict: 'needed',
      headline: 'You need this: an ordinary pool would stay on yesterday’s server.',
      because: reasons,
      settings: advice.flush[engine],
    }
  }
  if ((name.kind === 'local' && !forwarded) || name.kind === 'socket') {
    return {
      verdict: 'not-needed',
      headline: 'You do not need this: the server is on this machine.',
      because: ['there is no name that could move', 'a pool connects anew by itself when the server has restarted'],
      settings: [],
    }
  }
  return {
    verdict: 'not-needed',
    headline: advice.maximumAgeHeadline[engine],
    because: reasonsAgainst(name, reached),
    settings: advice.maximumAge[engine],
  }
}

function unknown({ servers, engine }: Findings): Recommendation {
  const failed = servers.filter((server) => 'failure' in server)
  const refusals = [...new Set(failed.flatMap(({ refused }) => (refused === undefined ? [] : [refused])))]
  const [first] = refusals
  const what = first === undefined ? 'No server was reached' : `A server was reached, but ${refusedWords[first]}`
  return {
    verdict: 'unknown',
    headline: `${what}, so nothing can be said yet.`,
    because: [
      ...failed.map(({ address, failure }) => `${address}: ${failure}`),
      ...refusals.map((refused) => remedies[refused][engine]),
    ],
    settings: [],
  }
}

const refusedWords: Readonly<Record<Refusal, string>> = {
  login: 'it refused the login',
  database: 'it refused the database',
  connection: 'it has no connection left',
  other: 'it refused the connection',
}

function reasonsFor(name: NameFindings, reached: readonly Reached[]): string[] {
  if (name.kind !== 'name') return []
  const reasons: string[] = []
  const mixed = new Set(reached.map(({ writable }) => writable)).size > 1
  if (answersOf(name).length > 1 && (mixed || !rotates(name))) reasons.push('the name moved while it was looked up')
  if (mixed)
    reasons.push(
      'it leads to a server that takes writes and to one that does not: `require: writable` refuses the latter',
    )
  if (name.provider?.role === 'writer') reasons.push(`it is ${name.provider.title}: made to move in a failover`)
  const replicas = Math.max(0, ...reached.map((server) => (server.writable ? (server.replicas ?? 0) : 0)))
  if (replicas > 0 && name.provider?.role !== 'readers') {
    reasons.push(
      `${replicas} ${replicas === 1 ? 'replica follows' : 'replicas follow'} the server and could take its place under this name`,
    )
  }
  if (reasons.length > 0 && name.ttlSeconds !== undefined) {
    reasons.push(`its TTL is ${name.ttlSeconds} s; a connection that is open knows nothing of it`)
  }
  return reasons
}

function reasonsAgainst(name: NameFindings, reached: readonly Reached[]): string[] {
  if (name.kind === 'address') return ['the host is an address: only what is behind it can move, seldom']
  if (name.kind === 'local') {
    return ['something on this machine forwards to a server: should that one change, only new connections get there']
  }
  const because: string[] = []
  if (answersOf(name).length > 1)
    because.push(
      'the answers go round among servers of one kind: each connection needs to be new now and then, not all at once',
    )
  else because.push(`the name gave one answer, ${name.lookups} ${name.lookups === 1 ? 'time' : 'times'}`)
  if (name.provider?.role === 'readers')
    because.push(`it is ${name.provider.title}: one of several is as good as another`)
  if (reached.every(({ writable }) => !writable)) {
    because.push(
      'whoever answers is read-only; should you write here, it may have been demoted: look again with --watch',
    )
  } else if (reached.every(({ replicas }) => replicas === 0)) {
    because.push('no replica follows the server, so nothing is there to fail over to')
  } else because.push('whether a replica could take its place is not visible to this account')
  return because
}

/** The different sets of addresses that the name gave. */
export function answersOf({ changes }: NameFindings): readonly (readonly string[])[] {
  const seen = new Map<string, readonly string[]>()
  for (const change of changes) if ('addresses' in change) seen.set(change.addresses.join(), change.addresses)
  return [...seen.values()]
}

/** Whether an answer came back after another one: a rotation, or a failover that flaps. */
function rotates({ changes }: NameFindings): boolean {
  const given = changes.flatMap((change) => ('addresses' in change ? [change.addresses.join()] : []))
  return given.filter((answer, index) => answer !== given[index - 1]).length > new Set(given).size
}
