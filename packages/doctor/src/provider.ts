/** A kind of name that is made to move, or to lead to several servers. */
export interface Provider {
  readonly title: string
  /** `writer`: leads to the one that accepts writes. `readers`: leads to any of several. `name`: it depends. */
  readonly role: 'writer' | 'readers' | 'name'
}

const known: readonly (readonly [pattern: RegExp, title: string, role: Provider['role']])[] = [
  [/\.cluster-ro-[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$/, 'an Aurora reader endpoint', 'readers'],
  [/\.cluster-[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$/, 'an Aurora or RDS cluster endpoint', 'writer'],
  [/\.rds\.amazonaws\.com(\.cn)?$/, 'an RDS endpoint', 'writer'],
  [/\.(postgres|mysql|mariadb)\.database\.azure\.com$/, 'an Azure Database endpoint', 'writer'],
  [/\.sql\.goog$/, 'a Cloud SQL name', 'writer'],
  [/\.svc(\.[^.]+\.[^.]+)?$/, 'a Kubernetes service', 'name'],
  [/\.service(\.[^.]+)?\.consul$/, 'a Consul service', 'name'],
]

/** The first of these names whose ending tells that it is made to move. */
export function providerOf(names: readonly string[]): Provider | undefined {
  for (const name of names) {
    const found = known.find(([pattern]) => pattern.test(name.toLowerCase().replace(/\.$/, '')))
    if (found !== undefined) return { title: found[1], role: found[2] }
  }
  return undefined
}
