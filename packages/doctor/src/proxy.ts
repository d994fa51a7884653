import type { EngineName } from './findings.ts'

/** What can tell of a proxy between you and the server. */
export interface ProxyEvidence {
  readonly engine: EngineName
  /** The host and the names that it is an alias of. */
  readonly names: readonly string[]
  /** What was told at the login: the number of the connection. */
  readonly greetingId: number | null
  /** The number that the server itself gives the same connection. */
  readonly serverId: number | null
  /** The port of our end of the connection; null where there is none. */
  readonly ownPort: number | null
  /** The port that the server sees the connection come from; null where it does not tell. */
  readonly seenPort: number | null
  /** What a proxy said when it was asked for itself. */
  readonly introduction?: string
}

/** A proxy that is in between, how that shows, and what to set there rather than here. */
export interface ProxyFindings {
  readonly title: string
  readonly evidence: string
  readonly settings: readonly string[]
}

const pgbouncer = [
  'dns_max_ttl (15 s by default): how soon PgBouncer notices that the name of its server has moved; it then replaces its connections as they come free',
  'server_lifetime (3600 s by default): how old a connection to the server may get',
  'RECONNECT on its admin console replaces all of them now',
]

const settingsOf: Readonly<Record<string, readonly string[]>> = {
  PgBouncer: pgbouncer,
  PgCat: [
    'dns_cache_enabled = true, with dns_max_ttl: PgCat then notices that the name of its server has moved',
    'server_lifetime: how old a connection to the server may get',
  ],
  'Pgpool-II': [
    'health_check_period (0, which is never, by default): how often Pgpool-II looks whether its servers are alive',
    'connection_life_time (0, which is for ever, by default): how old an idle connection to the server may get',
  ],
  Odyssey: ['server_lifetime: how old a connection to the server may get'],
  'RDS Proxy': ['nothing: RDS Proxy follows a failover by itself'],
  Supavisor: ['nothing that is yours to set: the pooler is run for you'],
  'the pooler of Neon': ['nothing that is yours to set: the pooler is run for you'],
  ProxySQL: [
    'mysql_replication_hostgroups: ProxySQL then sends writes to whichever server is not read-only',
    'mysql-connection_max_age_ms (0, which is never, by default): how old a connection to the server may get',
  ],
  MaxScale: ['a monitor (mariadbmon) on the service: MaxScale then follows a change of the primary by itself'],
}

const byName: readonly (readonly [pattern: RegExp, title: string])[] = [
  [/\.proxy-[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$/, 'RDS Proxy'],
  [/\.pooler\.supabase\.com$/, 'Supavisor'],
  [/-pooler\..*\.neon\.tech$/, 'the pooler of Neon'],
]

const byIntroduction: readonly (readonly [pattern: RegExp, title: string])[] = [
  [/pgbouncer/i, 'PgBouncer'],
  [/pgcat/i, 'PgCat'],
  [/odyssey/i, 'Odyssey'],
  [/pgpool/i, 'Pgpool-II'],
  [/proxysql/i, 'ProxySQL'],
  [/maxscale/i, 'MaxScale'],
]

/** Says which proxy sits in between, if the evidence tells of one. */
export function proxyOf(evidence: ProxyEvidence): ProxyFindings | undefined {
  for (const name of evidence.names) {
    const title = titleIn(byName, name.toLowerCase().replace(/\.$/, ''))
    if (title !== undefined) return proxy(title, `${name} is its name`)
  }
  const { introduction } = evidence
  const introduced = introduction === undefined ? undefined : titleIn(byIntroduction, introduction)
  if (introduced !== undefined) return proxy(introduced, `it says of itself: ${introduction}`)
  const { greetingId, serverId } = evidence
  if (greetingId === null || serverId === null) return undefined
  // MySQL's greeting has room for 32 bits of a number that may be longer.
  const same = greetingId >>> 0 === serverId % 2 ** 32
  if (same) return undefined
  return {
    title: 'a proxy that does not say which it is',
    evidence: 'the server knows the connection under another number than the login told',
    settings: ['how old its connections to the server may get, and how often it looks their name up'],
  }
}

/** Whether something in between forwards the connection: the server then sees another end of it than ours. */
export function isForwarded({ ownPort, seenPort }: Pick<ProxyEvidence, 'ownPort' | 'seenPort'>): boolean {
  return ownPort !== null && seenPort !== null && ownPort !== seenPort
}

function titleIn(table: readonly (readonly [RegExp, string])[], text: string): string | undefined {
  return table.find(([pattern]) => pattern.test(text))?.[1]
}

function proxy(title: string, evidence: string): ProxyFindings {
  return { title, evidence, settings: settingsOf[title] ?? [] }
}
