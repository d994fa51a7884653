import { type DatabaseServer, startMariadb, startPostgres } from '@periodic-flush/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Entrant, entrants } from './bench/entrants.ts'
import { type Way, ways } from './bench/rivals.ts'
import { mariadbInstalled } from './mariadb-installed.ts'

/** So long that nothing is renewed meanwhile. */
const INTERVAL_MS = 86_400_000

/** The ways of those that have others than bare and ours. */
const known: Readonly<Record<string, readonly Way[]>> = {
  postgres: ['bare', 'max-lifetime', 're-created', 'ours-interval', 'ours-triggers'],
  pg: ways,
  'mysql2/promise': ['bare', 're-created', 'aws-wrapper', 'ours-interval', 'ours-triggers'],
  'prisma/adapter-pg': ['bare', 'max-lifetime', 're-created', 'ours-interval', 'ours-triggers'],
}

describe.each(['postgres', 'mariadb'] as const)('what the benches compare, on %s', (engine) => {
  const skipped = engine === 'mariadb' && !mariadbInstalled
  let server: DatabaseServer

  beforeAll(async () => {
    if (!skipped) server = await (engine === 'mariadb' ? startMariadb() : startPostgres())
  })

  afterAll(() => server?.stop())

  const here = entrants.filter((entrant) => entrant.engine === engine)
  test.skipIf(skipped).each(here)('$name answers in every way that it has, and ends', async (entrant: Entrant) => {
    const had: Way[] = []
    for (const way of ways) {
      const contender = entrant.contender(way, server.url(), INTERVAL_MS)
      if (contender === undefined) continue
      had.push(way)
      expect(JSON.stringify(await contender.ask())).toMatch(/"one":"?1"?/)
      await contender.end()
    }
    expect(had).toEqual(known[entrant.name] ?? ['bare', 'ours-interval'])
  })
})
