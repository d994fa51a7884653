import { type DatabaseServer, mariadbAvailable, startMariadb, startPostgres } from '@periodic-flush/testing'
import type { BenchName, Note } from './record.ts'

interface Client {
  readonly name: string
  readonly engine: 'postgres' | 'mariadb'
}

/** Those whose server can be had on this machine, and a note for each of the others. */
export function benchable<Some extends Client>(
  bench: BenchName,
  clients: readonly Some[],
): readonly [clients: readonly Some[], notes: Note[]] {
  if (mariadbAvailable()) return [clients, []]
  const text = 'MariaDB is not installed (Debian and Ubuntu: apt-get install mariadb-server)'
  const without = clients.filter(({ engine }) => engine === 'mariadb')
  const notes = without.map(({ name: client }): Note => ({ bench, client, way: 'any', text }))
  return [clients.filter(({ engine }) => engine !== 'mariadb'), notes]
}

/** A server of its own for a client. */
export function startServer({ engine }: Client): Promise<DatabaseServer> {
  return engine === 'mariadb' ? startMariadb() : startPostgres()
}
