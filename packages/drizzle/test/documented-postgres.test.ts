import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { afterAll, beforeAll, describe } from 'vitest'
import { editions } from './documented/postgres-editions.ts'
import { queryPages } from './documented/postgres-queries.ts'
import { relationalConfig, versionedPages } from './documented/postgres-relational.ts'
import { ddl, reset, schemaOf } from './documented/postgres-schema.ts'
import { sessionPages } from './documented/postgres-sessions.ts'
import { holdAgainstBare } from './documented/suite.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
  await server.query(ddl)
})
afterAll(() => server.stop())

describe.each(editions)('what is documented of Drizzle $version on $driver holds while it is flushed:', (edition) => {
  const schema = schemaOf(edition)
  const pages = { ...queryPages(edition, schema), ...sessionPages(edition, schema), ...versionedPages(edition) }
  holdAgainstBare(
    edition,
    { pages, config: relationalConfig(edition) },
    {
      url: () => server.url(),
      reset: () => server.query(reset),
      backends: () => server.backends(),
    },
  )
})
