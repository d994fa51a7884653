import { readFile } from 'node:fs/promises'
import { startPostgres } from '@periodic-flush/testing'

const migration = new URL('../prisma/migrations/0001_notes/migration.sql', import.meta.url)

/** DATABASE_URL, or that of a migrated PostgreSQL server that ends with this process. */
export async function databaseUrl(): Promise<string> {
  const given = process.env['DATABASE_URL']
  if (given !== undefined) return given
  const server = await startPostgres()
  await server.query(await readFile(migration, 'utf8'))
  return server.url()
}
