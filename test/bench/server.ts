import { type DatabaseServer, mariadbAvailable, startMariadb, startPostgres } from '@periodic-flush/testing'
import { type Pair, pairs } from './contenders.ts'

/** The pairs whose server can be had on this machine. */
export function benchable(): readonly Pair[] {
  if (mariadbAvailable()) return pairs
  console.warn('Without MariaDB, which is not installed (Debian and Ubuntu: apt-get install mariadb-server)')
  return pairs.filter(({ engine }) => engine !== 'mariadb')
}

/** A server of its own for a pair. */
export function startServer({ engine }: Pair): Promise<DatabaseServer> {
  return engine === 'mariadb' ? startMariadb() : startPostgres()
}
