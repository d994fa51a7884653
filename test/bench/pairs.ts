import { type DatabaseServer, type FailoverPair, failoverPair } from '@periodic-flush/testing'
import type { Rival } from './rivals.ts'

type Engine = Rival['engine']

/** Two servers with an empty table, and the URL of the name that leads to the first. */
export interface Place {
  readonly pair: FailoverPair<DatabaseServer>
  readonly url: string
}

/** A table whose rows say which server took them. */
const createTable: Readonly<Record<Engine, string>> = {
  postgres: 'create table entry (n int primary key, server text not null default host(inet_server_addr()))',
  mariadb: 'create table entry (n int primary key, server varchar(40) not null)',
}

/** The pairs of servers of a bench, one of each engine, used again until it is dropped. */
export class Pairs implements AsyncDisposable {
  readonly #places = new Map<Engine, Place>()

  /** The pair as it was at first, whatever was done to it, with no client connected. */
  async get(engine: Engine): Promise<Place> {
    const known = this.#places.get(engine)
    if (known !== undefined) return await restored(known)
    const place = await start(engine)
    this.#places.set(engine, place)
    return place
  }

  /** The next pair of that engine is a new one: what a client left behind on this one cannot disturb it. */
  async drop(engine: Engine): Promise<void> {
    await this.#places.get(engine)?.pair.stop()
    this.#places.delete(engine)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#places.values()].map(({ pair }) => pair.stop()))
  }
}

async function restored(place: Place): Promise<Place> {
  const { pair } = place
  pair.moveTo('blue')
  for (const server of [pair.blue, pair.green]) {
    await server.readOnly(false)
    await server.killBackends()
  }
  await pair.query('truncate table entry')
  return place
}

async function start(engine: Engine): Promise<Place> {
  // One pair is not stopped before the other one starts.
  const name = `${engine}.periodic-flush.test`
  const pair: FailoverPair<DatabaseServer> =
    engine === 'mariadb' ? await failoverPair({ engine, name }) : await failoverPair({ engine, name })
  try {
    await pair.query(createTable[engine])
    if (engine === 'postgres') return { pair, url: pair.url() }
    // A server that turns read-only goes on taking the writes of an account with all rights.
    await pair.query("create user 'bench'@'%' identified by 'bench'; grant all on test.* to 'bench'@'%'")
    return { pair, url: pair.url().replace('root:root', 'bench:bench') }
  } catch (error) {
    await pair.stop()
    throw error
  }
}
