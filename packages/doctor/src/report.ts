import type { Answer, Capacity, Findings, NameFindings, ServerFindings, Timing } from './findings.ts'
import type { Recommendation } from './recommendation.ts'

/** Marks what matters most; the identity where there are no colours. */
export type Emphasis = (text: string) => string

/** The findings and what they mean, as a person reads them. */
export function reportOf(
  findings: Findings,
  recommendation: Recommendation,
  strong: Emphasis = (text) => text,
): string {
  const { name, servers, connect, proxy, forwarded } = findings
  const capacity = servers.flatMap((server) =>
    'capacity' in server ? [capacityOf(server.capacity, proxy !== undefined)] : [],
  )
  const rows: (readonly [label: string, text: string])[] = [
    ['target', findings.target],
    ...nameRows(name),
    ...servers.map((server) => ['server', serverOf(server)] as const),
    ...(connect ? [['connect', timingOf(connect)] as const] : []),
    ...[...new Set(capacity)].map((text) => ['room', text] as const),
    [
      'proxy',
      proxy
        ? `${proxy.title}: ${proxy.evidence}`
        : forwarded
          ? 'none that says so, but something forwards the connection: HAProxy, a load balancer, NAT'
          : servers.some((server) => 'version' in server)
            ? 'none seen'
            : 'not known',
    ],
  ]
  const table = rows.map(([label, text], index) => `${(rows[index - 1]?.[0] === label ? '' : label).padEnd(9)} ${text}`)
  return `${table.join('\n')}\n\n${adviceOf(recommendation, strong)}`
}

/** What to do and why. */
export function adviceOf(
  { headline, because, settings = [] }: Pick<Recommendation, 'headline' | 'because'> & Partial<Recommendation>,
  strong: Emphasis = (text) => text,
): string {
  const lines = [strong(headline), ...because.map((reason) => `- ${reason}`)]
  if (settings.length > 0) lines.push('', ...settings.map((setting) => (setting === '' ? '' : `    ${setting}`)))
  return `${lines.join('\n')}\n`
}

function nameRows(name: NameFindings): (readonly [string, string])[] {
  if (name.kind === 'socket') return [['name', 'none: a Unix socket']]
  if (name.kind !== 'name') return [['name', name.kind === 'local' ? 'none to move: this machine' : 'none: an address']]
  const [first, ...later] = name.changes
  const ofWhat = name.provider ? `, ${name.provider.title}` : ''
  return [
    ['name', `${[name.host, ...name.aliases].join(' → ')}${ofWhat}`],
    ...(first ? [['answer', answerOf(first)] as const] : []),
    ...later.map((change) => ['answer', `${answerOf(change)} after ${seconds(change.atMs)}`] as const),
    ['looked up', `${name.lookups} × in ${seconds(name.overMs)}`],
    ['TTL', name.ttlSeconds === undefined ? 'the resolver does not tell' : `${name.ttlSeconds} s`],
  ]
}

function answerOf(answer: Answer): string {
  return 'failure' in answer ? answer.failure : answer.addresses.join(', ')
}

function serverOf(server: ServerFindings): string {
  if ('failure' in server) return `${server.address}: ${server.failure}`
  const { address, version, self, writable, replicas } = server
  const said = self.startsWith(`${address}:`) ? '' : `, says it is ${self}`
  const followed = replicas === undefined ? '' : `, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
  return `${address}: ${version}${said}, ${writable ? 'writable' : 'read-only'}${followed}`
}

function timingOf({ dnsMs, tcpMs, tlsMs, authMs, totalMs }: Timing): string {
  const parts = [
    ['DNS', dnsMs],
    ['TCP', tcpMs],
    ['TLS', tlsMs],
    ['login', authMs],
  ] as const
  const told = parts.flatMap(([label, ms]) => (ms === undefined ? [] : [`${label} ${ms.toFixed(1)}`]))
  return `${totalMs.toFixed(1)} ms: ${told.join(', ')}${tlsMs === undefined ? ' (no TLS)' : ''}`
}

function capacityOf({ maxConnections, reserved, used, free }: Capacity, proxied: boolean): string {
  const kept = reserved > 0 ? `, ${reserved} kept for administrators` : ''
  if (proxied) return `${free} connections left of ${maxConnections} at the server; the proxy has limits of its own`
  // A pool of ten and the one that overlaps while it is flushed.
  const pools = Math.floor(free / 11)
  return `${free} connections left of ${maxConnections} (${used} in use${kept}): ${pools} ${pools === 1 ? 'pool' : 'pools'} of 10 with an overlap of 1`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
