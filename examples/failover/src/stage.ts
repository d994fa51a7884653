import { setTimeout as sleep } from 'node:timers/promises'
import type { FailoverPair } from '@periodic-flush/testing'
import type { Chronicle, Side } from './chronicle.ts'
import { ConnectionWatch } from './connections.ts'
import type { Contender } from './contenders.ts'
import { type Act, Load } from './load.ts'
import { takeSample } from './sample.ts'

const SAMPLE_MS = 250

/** Two servers, a name, clients under load, and all that can be done to them. What happens goes into the chronicle. */
export class Stage {
  readonly pair: FailoverPair
  readonly loads: readonly Load[]
  readonly connections: ConnectionWatch
  readonly #chronicle: Chronicle
  readonly #sampling: NodeJS.Timeout
  #act: Act = 'before'
  #movedAt: number | undefined
  /** One thing is done at a time: a server that is asked to kill must not freeze meanwhile. */
  #turn: Promise<void> = Promise.resolve()

  constructor(pair: FailoverPair, contenders: readonly Contender[], rate: number, chronicle: Chronicle) {
    this.pair = pair
    this.loads = contenders.map((contender) => new Load(contender))
    this.connections = new ConnectionWatch(this.loads, [pair.blue, pair.green])
    this.#chronicle = chronicle
    for (const { name, flushing } of contenders) if (flushing) this.#follow(name, flushing)
    // The time of the charts begins with the load.
    chronicle.now()
    const now = () => ({ act: this.#act, movedAt: this.#movedAt, target: pair.serving.host })
    for (const load of this.loads) load.start(rate, now)
    this.#sampling = setInterval(() => chronicle.sample(takeSample(this, chronicle.now())), SAMPLE_MS)
  }

  /** Where the name points. */
  get serving(): Side {
    return this.pair.serving === this.pair.blue ? 'blue' : 'green'
  }

  /** Points the name at that server: open connections stay where they are. */
  move(side: Side): Promise<void> {
    return this.#do(() => {
      if (this.serving === side) return
      this.pair.moveTo(side)
      this.#movedAt = performance.now()
      this.#act = 'move'
      for (const load of this.loads) load.movedAfterMs = undefined
      this.#chronicle.mark({ kind: 'move', side })
    })
  }

  freeze(side: Side): Promise<void> {
    return this.#do(async () => {
      await this.connections.pause()
      try {
        this.#act = 'freeze'
        await this.pair[side].freeze()
      } finally {
        this.connections.resume()
      }
      this.#chronicle.mark({ kind: 'freeze', side })
    })
  }

  thaw(side: Side): Promise<void> {
    return this.#do(async () => {
      await this.pair[side].thaw()
      this.#chronicle.mark({ kind: 'thaw', side })
    })
  }

  /** Ends the connections of all clients from the server's side, as an administrator does. Rejects on a frozen one. */
  kill(side: Side): Promise<void> {
    return this.#do(async () => {
      await this.pair[side].killBackends()
      this.#chronicle.mark({ kind: 'kill', side })
    })
  }

  /** Flushes every wrapped client; resolves once the fresh ones serve. Rejects if one stayed with its old client. */
  async flush(): Promise<void> {
    const flushing = this.loads.flatMap(({ contender }) => contender.flushing ?? [])
    await Promise.all(flushing.map((client) => client.$flush({ wait: 'swapped' })))
  }

  /** Ends the load; resolves, once what a server could still answer has had its time, with what was never answered. */
  async settle(): Promise<ReadonlyMap<Load, number>> {
    for (const load of this.loads) load.stop()
    await sleep(500)
    clearInterval(this.#sampling)
    return new Map(this.loads.map((load) => [load, load.unanswered]))
  }

  /** Ends everything, the servers last. */
  async close(): Promise<void> {
    await this.#turn
    for (const load of this.loads) load.stop()
    clearInterval(this.#sampling)
    await this.connections.stop()
    const end = (loads: readonly Load[]) => Promise.all(loads.map(({ contender }) => contender.end()))
    await end(this.loads.filter(({ contender }) => contender.flushing))
    const { blue, green } = this.pair
    await Promise.all([blue, green].filter(({ state }) => state === 'frozen').map((server) => server.thaw()))
    await Promise.race([end(this.loads), sleep(5_000, undefined, { ref: false })])
    await this.pair.stop()
  }

  #do(what: () => void | Promise<void>): Promise<void> {
    const done = this.#turn.then(what)
    this.#turn = done.catch(() => undefined)
    return done
  }

  #follow(client: string, { $flusher }: NonNullable<Contender['flushing']>): void {
    const { blue, green } = this.pair
    const sideOf = (peers: readonly string[]): Side | undefined => {
      const on = (host: string) => peers.some((peer) => peer.startsWith(host))
      return on(green.host) ? 'green' : on(blue.host) ? 'blue' : undefined
    }
    $flusher.on('swap', ({ reason, generation, replaced }) => {
      const { peers, retiring } = $flusher.stats()
      const leases = retiring.find((old) => old.generation === replaced)?.leases ?? 0
      this.#chronicle.mark({ kind: 'swap', client, reason, generation, replaced, side: sideOf(peers), leases })
    })
    $flusher.on('retired', ({ generation }) => this.#chronicle.mark({ kind: 'retired', client, generation }))
    $flusher.on('cut', ({ generation, stragglers }) =>
      this.#chronicle.mark({ kind: 'cut', client, generation, leases: stragglers.length }),
    )
    $flusher.on('failed', ({ step }) => this.#chronicle.mark({ kind: 'failed', client, step }))
  }
}
