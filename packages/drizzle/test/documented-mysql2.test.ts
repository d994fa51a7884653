import { type MariadbServer, startMariadb } from '@periodic-flush/testing'
import { afterAll, beforeAll, describe, vi } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { editions } from './documented/mysql-editions.ts'
import { queryPages } from './documented/mysql-queries.ts'
import { relationalConfig, versionedPages } from './documented/mysql-relational.ts'
import { ddl, reset, schemaOf } from './documented/mysql-schema.ts'
import { sessionPages } from './documented/mysql-sessions.ts'
import { holdAgainstBare } from './documented/suite.ts'

describe.runIf(mariadbInstalled)('on MariaDB,', () => {
  let server: MariadbServer
  beforeAll(async () => {
    // mysql2 warns of the way in which Drizzle gives back the connection of an iterator.
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    server = await startMariadb({ database: 'app' })
    for (const statement of ddl) await server.query(statement)
  })
  afterAll(() => server.stop())

  describe.each(editions)(
    'what is documented of Drizzle $version on $flavour pools holds while it is flushed:',
    (edition) => {
      const schema = schemaOf(edition)
      const sessions = sessionPages(edition, schema)
      // Drizzle takes what `promise()` gives of a callback pool: no statement is built otherwise for it.
      const same = edition.flavour === 'callback'
      const pages = same ? sessions : { ...queryPages(edition, schema), ...sessions, ...versionedPages(edition) }
      holdAgainstBare(
        edition,
        { pages, config: relationalConfig(edition) },
        {
          url: () => server.url(),
          reset: async () => {
            for (const statement of reset) await server.query(statement)
          },
          backends: () => server.backends(),
        },
      )
    },
  )
})
