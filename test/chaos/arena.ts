import { setTimeout as sleep } from 'node:timers/promises'
import { type DatabaseServer, type Gate, gate, type MovableName, movableName } from '@periodic-flush/testing'
import { selfSigned } from '../certificate.ts'
import type { Account } from './client.ts'
import { type Engine, HOSTS, USER } from './engine.ts'
import type { History } from './history.ts'
import type { LedgerRow } from './verdict.ts'

/** One of the two servers, with the gate that clients reach it through. */
export interface Side {
  readonly server: DatabaseServer
  readonly gate: Gate
}

const PASSWORD = 'right'
const WRONG = 'changed'

/** Two servers of one kind that do not replicate, each behind a gate, and a name that leads to one of the gates. */
export class Arena implements AsyncDisposable {
  readonly engine: Engine
  readonly sides: readonly [Side, Side]
  readonly name: MovableName
  readonly #history: History
  readonly #cert: string
  /** The disk is full: the clients do what finds out. */
  full = false
  #tls = false

  private constructor(engine: Engine, sides: readonly [Side, Side], name: MovableName, cert: string, history: History) {
    this.engine = engine
    this.sides = sides
    this.name = name
    this.#cert = cert
    this.#history = history
  }

  static async start(engine: Engine, history: History): Promise<Arena> {
    const host = `chaos-${engine.name}.periodic-flush.test`
    const certificate = await selfSigned(host)
    const servers = await engine.start(certificate)
    try {
      await Promise.all(servers.map((server) => engine.prepare(server, PASSWORD)))
      const [blue, green] = await gates(servers)
      return new Arena(engine, [blue, green], movableName(host, HOSTS[0]), certificate.cert, history)
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()))
      throw error
    }
  }

  /** What the clients are to log in with now. */
  get account(): Account {
    const { port } = this.sides[0].gate
    const { database } = this.sides[0].server
    const ca = this.#tls ? this.#cert : undefined
    return { host: this.name.name, port, user: USER, password: PASSWORD, database, ca }
  }

  get serving(): Side {
    return this.sides.find((side) => side.gate.host === this.name.addresses[0]) ?? this.sides[0]
  }

  other(side: Side): Side {
    return this.sides[0] === side ? this.sides[1] : this.sides[0]
  }

  moveTo(side: Side): void {
    this.name.moveTo(side.gate.host)
    this.happened(`the name moves to ${side.server.name}`)
  }

  happened(what: string): void {
    this.#history.happened(`${this.engine.name}: ${what}`)
  }

  async switchTls(): Promise<void> {
    this.#tls = !this.#tls
    await Promise.all(this.sides.map(({ server }) => this.engine.requireTls(server, this.#tls)))
    this.happened(this.#tls ? 'with TLS only' : 'without TLS only')
  }

  async changePassword(to: 'right' | 'wrong'): Promise<void> {
    const password = to === 'right' ? PASSWORD : WRONG
    await Promise.all(this.sides.map(({ server }) => this.engine.setPassword(server, password)))
  }

  /** Resolves once a server that was restarted answers again, and demands of clients what the other one does. */
  async recovered({ server }: Side): Promise<void> {
    const end = performance.now() + 30_000
    for (;;) {
      try {
        await this.engine.requireTls(server, this.#tls)
        return
      } catch (error) {
        if (performance.now() > end) throw error
        await sleep(20)
      }
    }
  }

  /** What the ledgers of both servers have. */
  async ledger(): Promise<LedgerRow[]> {
    const all = await Promise.all(
      this.sides.map(async ({ server }) => {
        const rows = await server.query<{ id: string; part: number; count: number | string }>(
          'select id, part, count(*) as count from ledger group by id, part',
        )
        return rows.map(({ id, part, count }) => ({
          server: `${this.engine.name} ${server.name}`,
          id,
          part: Number(part),
          count: Number(count),
        }))
      }),
    )
    return all.flat()
  }

  /** Every connection of the clients that is left, as servers and gates see it. */
  async connections(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const { server, gate } of this.sides) {
      const backends = await server.backends({ user: USER })
      counts.set(`${this.engine.name} ${server.name}`, backends.length)
      counts.set(`the gate of ${this.engine.name} ${server.name}`, gate.connections)
    }
    return counts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.name.restore()
    await Promise.all(this.sides.flatMap(({ server, gate }) => [gate.close(), server.stop()]))
  }
}

/** A gate for each server, on one port. */
async function gates(servers: readonly DatabaseServer[]): Promise<[Side, Side]> {
  const [blue, green] = servers
  if (blue === undefined || green === undefined) throw new TypeError('Expected two servers')
  for (let attempt = 1; ; attempt++) {
    const first = await gate(blue, { host: HOSTS[0] })
    try {
      const second = await gate(green, { host: HOSTS[1], port: first.port })
      return [
        { server: blue, gate: first },
        { server: green, gate: second },
      ]
    } catch (error) {
      await first.close()
      if (attempt === 5) throw error
    }
  }
}
