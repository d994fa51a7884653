import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import type { Client, Opening, Subject } from './subject.ts'
import { broken, type Defect } from './subjects/broken.ts'
import { drizzleNodePostgresSubject, drizzleRcNodePostgresSubject } from './subjects/drizzle-node-postgres.ts'
import { drizzlePostgresJsSubject } from './subjects/drizzle-postgres-js.ts'
import { kyselySubject } from './subjects/kysely.ts'
import { pgSubject } from './subjects/pg.ts'
import { postgresSubject } from './subjects/postgres.ts'
import { prismaSubject } from './subjects/prisma.ts'

// Set by the test that tries the suite itself on broken drivers.
const defect = process.env['BROKEN_SUBJECT'] as Defect | undefined

const registered: readonly Subject[] = [
  postgresSubject,
  drizzlePostgresJsSubject,
  pgSubject,
  drizzleNodePostgresSubject,
  drizzleRcNodePostgresSubject,
  kyselySubject,
  prismaSubject,
]

const subjects = defect === undefined ? registered : [broken(defect)]

/** What a behaviour is given: a server of its file, and clients that are closed after each test. */
export interface Stage {
  readonly subject: Subject
  readonly server: PostgresServer
  /** A database of the test's own, and a name that its backends carry. */
  database(): Promise<{ url: string; database: string }>
  open(opening: Partial<Opening> & Pick<Opening, 'url'>): Client
}

/** Registers a behaviour for every subject, on one real server for the file. */
export function behaviour(name: string, tests: (stage: Stage) => void): void {
  describe.each(subjects)(`$name: ${name}`, (subject) => {
    const clients: Client[] = []
    let server: PostgresServer | undefined
    beforeAll(async () => {
      server = await startPostgres({ maxConnections: 100 })
    })
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((client) => client.$flusher.close({ deadlineMs: 0 })))
    })
    afterAll(() => server?.stop())
    tests({
      subject,
      get server() {
        if (server === undefined) throw new Error('the server is started before the tests run')
        return server
      },
      async database() {
        const database = await this.server.createDatabase()
        return { database, url: this.server.url({ database }) }
      },
      open({ url, max = 4, options = {} }) {
        const client = subject.open({ url, max, options: { intervalMs: false, ...options } })
        clients.push(client)
        return client
      },
    })
  })
}

/** Asks the server again and again until `condition` holds for its answer; the last answer is in the error. */
export async function eventually<T>(ask: () => Promise<T> | T, condition: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + 20_000
  for (;;) {
    const answer = await ask()
    if (condition(answer)) return answer
    if (performance.now() > end) throw new Error(`it never came to that; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Watches how many backends a database has, until it is told to stop; gives the most there were at once. */
export function watchPeak(server: PostgresServer, database: string): { stop(): Promise<number> } {
  let watching = true
  let peak = 0
  const done = (async () => {
    while (watching) {
      peak = Math.max(peak, (await server.backends({ database })).length)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  return {
    async stop() {
      watching = false
      await done
      return peak
    },
  }
}

/** The messages of an error and of its causes: an ORM wraps what its driver reports. */
export function chain(error: unknown): string {
  return error instanceof Error ? `${error.message}; ${chain(error.cause)}` : String(error)
}

export const pidOf = 'select pg_backend_pid()'
