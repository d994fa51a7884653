import { promises as dns } from 'node:dns'

/** So many aliases in a row are a loop. */
const longestChain = 8

/**
 * What the resolver itself knows of a name, beside what `dns.lookup` says: aliases and times to live. A name that only
 * the hosts file has, or a resolver that is out of reach, gives none of either.
 */
export class Records {
  readonly #resolver = new dns.Resolver({ timeout: 1_000, tries: 1 })
  #silent = false

  /** Asks these servers (`127.0.0.1:5353`); without, those of the system. */
  constructor(servers?: readonly string[]) {
    if (servers !== undefined) this.#resolver.setServers(servers)
  }

  /** The names that this one is an alias of, one after the other. */
  async aliases(host: string): Promise<string[]> {
    const chain: string[] = []
    for (let name = host; chain.length < longestChain; ) {
      const [next] = await this.#ask(() => this.#resolver.resolveCname(name))
      if (next === undefined) break
      chain.push(next)
      name = next
    }
    return chain
  }

  /** Seconds that the resolver may keep each address of the name. */
  async ttls(host: string): Promise<number[]> {
    const found = await Promise.all([
      this.#ask(() => this.#resolver.resolve4(host, { ttl: true })),
      this.#ask(() => this.#resolver.resolve6(host, { ttl: true })),
    ])
    return found.flat().map(({ ttl }) => ttl)
  }

  async #ask<T>(question: () => Promise<T[]>): Promise<T[]> {
    if (this.#silent) return []
    try {
      return await question()
    } catch (error) {
      // Nobody is there to answer: each further question would wait as long again.
      const unanswered =
        error instanceof Error && 'code' in error && ['ETIMEOUT', 'ECONNREFUSED'].includes(String(error.code))
      if (unanswered) this.#silent = true
      return []
    }
  }
}
