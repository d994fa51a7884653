import type { Driver } from '../src/driver.ts'
import type { Holder, Lease } from '../src/generation.ts'

/** A client that does nothing but have a number and be counted. */
export interface FakeClient {
  readonly id: number
  connections: number
  peers: string[]
}

/** What a test may make a step do: fail, hang, or wait. */
type Script = (client: FakeClient, signal: AbortSignal) => unknown

/**
 * A driver whose every call is noted in a transcript, and whose steps do what the test says.
 *
 * A fake client holds one connection per lease that was ever out at once, as a pool does; `busy` tells it.
 */
export class ScriptedDriver implements Driver<FakeClient> {
  readonly name = 'fake'
  readonly transcript: string[] = []
  readonly clients: FakeClient[] = []
  pipelines = false
  max = 10
  peers_: string[] = ['10.0.0.1:5432']
  onOpen: Script = () => {}
  onCheck: Script = () => {}
  onClose: Script = () => {}

  async open(signal: AbortSignal): Promise<FakeClient> {
    const client = { id: this.clients.length + 1, connections: 0, peers: [...this.peers_] }
    this.clients.push(client)
    this.#note('open', client)
    await this.onOpen(client, signal)
    return client
  }

  async check(client: FakeClient, signal: AbortSignal): Promise<void> {
    this.#note('check', client)
    await this.onCheck(client, signal)
    client.connections = Math.max(client.connections, 1)
  }

  limit(): number {
    return this.max
  }

  connections(client: FakeClient): number {
    return client.connections
  }

  peers(client: FakeClient): readonly string[] {
    return client.connections === 0 ? [] : client.peers
  }

  async warm(client: FakeClient, count: number): Promise<void> {
    this.#note(`warm ${count}`, client)
    client.connections = Math.max(client.connections, count)
  }

  async shrink(client: FakeClient, count: number): Promise<void> {
    this.#note('shrink', client)
    client.connections -= count
  }

  async close(client: FakeClient): Promise<void> {
    this.#note('close', client)
    await this.onClose(client, AbortSignal.abort())
    client.connections = 0
  }

  cut(client: FakeClient): void {
    this.#note('cut', client)
    client.connections = 0
  }

  /** The same driver, which can also close what is idle on a client that gets no new work. */
  withRetire(): this & Required<Pick<Driver<FakeClient>, 'retire'>> {
    return Object.assign(this, { retire: async (client: FakeClient) => this.#note('retire', client) })
  }

  /** The connections of all clients together. */
  get total(): number {
    return this.clients.reduce((sum, client) => sum + client.connections, 0)
  }

  #note(call: string, client: FakeClient): void {
    this.transcript.push(`${call} ${client.id}`)
  }
}

/** A holder that remembers what it was told. */
export function holder(kind: Holder['kind'] = 'query'): Holder & { readonly errors: Error[] } {
  const errors: Error[] = []
  return { kind, errors, cut: (error) => void errors.push(error) }
}

/** Uses a lease as a pool would: a connection per lease. */
export function occupy(lease: Lease<FakeClient>, leases: number): Lease<FakeClient> {
  lease.client.connections = Math.max(lease.client.connections, leases)
  return lease
}
