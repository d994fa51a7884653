import { readFile } from 'node:fs/promises'
import { arch, availableParallelism, release, totalmem, type } from 'node:os'
import { mariadbAvailable, startMariadb, startPostgres } from '@periodic-flush/testing'
import type { Machine } from './record.ts'

/** What kind of machine this is; not which one. */
export function machine(): Machine {
  return {
    cores: availableParallelism(),
    'memory GB': Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release().split('-')[0]} ${arch()}`,
  }
}

const drivers = [
  'postgres',
  'pg',
  'mysql2',
  'mariadb',
  '@prisma/client',
  'drizzle-orm',
  'kysely',
  'aws-advanced-nodejs-wrapper',
]

/** Of Node, the servers and the clients. */
export async function versions(): Promise<Record<string, string>> {
  const known: Record<string, string> = { Node: process.versions.node, ...(await servers()) }
  for (const name of drivers) known[name] = await installed(name)
  return known
}

async function servers(): Promise<Record<string, string>> {
  await using postgres = await startPostgres()
  const [row] = await postgres.query<{ server_version: string }>('show server_version')
  const known = { PostgreSQL: row?.server_version ?? 'unknown' }
  if (!mariadbAvailable()) return known
  await using mariadb = await startMariadb()
  const [version] = await mariadb.query<{ version: string }>('select version() as version')
  return { ...known, MariaDB: version?.version.split('-')[0] ?? 'unknown' }
}

async function installed(name: string): Promise<string> {
  const manifest = new URL(`../../../node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(await readFile(manifest, 'utf8')).version
}
