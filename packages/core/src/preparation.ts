import { shareServer } from './address.ts'
import type { Admission } from './admission.ts'
import type { Clock } from './clock.ts'
import type { Driver } from './driver.ts'
import { PeriodicFlushError } from './errors.ts'
import type { FailedStep } from './events.ts'
import type { FlushRequest } from './flush-request.ts'
import type { Generation } from './generation.ts'
import { Opening, StepError } from './opening.ts'
import type { ResolvedOptions } from './options.ts'
import type { Room } from './room.ts'

const BUSY = 'every connection that the limit allows is busy'

/** What a preparation needs of the rotator. */
export interface PreparationListener<Client> {
  /** Every generation that may hold connections. */
  readonly live: ReadonlySet<Generation<Client>>
  /** A client has been opened, since that time. */
  opened(client: Client, since: number): Generation<Client>
  /** A fresh client may not serve: its sockets are dropped. */
  discarded(generation: Generation<Client>): void
  /** A client that nobody waits for any more. */
  arrivedLate(client: Client): void
  failed(reason: string, step: FailedStep, error: unknown): void
}

/** Makes fresh generations: room for a connection, open, check, warm up. */
export class Preparation<Client> {
  readonly #driver: Driver<Client>
  readonly #options: ResolvedOptions<Client>
  readonly #clock: Clock
  readonly #closing: AbortSignal
  readonly #admission: Admission<Client>
  readonly #room: Room<Client>
  readonly #listener: PreparationListener<Client>

  constructor(
    driver: Driver<Client>,
    options: ResolvedOptions<Client>,
    clock: Clock,
    closing: AbortSignal,
    admission: Admission<Client>,
    room: Room<Client>,
    listener: PreparationListener<Client>,
  ) {
    this.#driver = driver
    this.#options = options
    this.#clock = clock
    this.#closing = closing
    this.#admission = admission
    this.#room = room
    this.#listener = listener
  }

  /**
   * A fresh generation, opened, checked and warm; where the old one is `idle`, an unchecked one without a connection.
   * If it rejects, nothing is left of the fresh client, and the event has told.
   */
  async fresh(
    previous: Generation<Client> | undefined,
    request: FlushRequest,
    idle: boolean,
  ): Promise<Generation<Client>> {
    const opening = new Opening(this.#driver, this.#options, this.#clock, this.#closing, request.hold)
    let fresh: Generation<Client> | undefined
    try {
      const hasRoom = previous === undefined || idle || (await opening.room(this.#room, previous))
      const since = this.#clock.now()
      const client = await opening.open((late) => this.#listener.arrivedLate(late))
      for (const { client: other } of this.#listener.live) {
        if (client === other) throw new StepError('open', this.#sameClient())
      }
      fresh = this.#listener.opened(client, since)
      if (this.#options.check === false) return fresh
      if (idle) {
        // Nobody used the old client when this began; by now somebody may. The next flush will ask for room first.
        if (previous?.used !== true) return fresh
        if (!(await opening.room(this.#room, previous))) throw new StepError('room', this.#noRoom(BUSY))
      }
      fresh.asked = 1
      this.#admission.claims = 0
      await opening.check(client)
      if (previous === undefined) return fresh
      // One that has reached nobody in all that time only counts what it wants: it takes nothing from the fresh one's server.
      const shares = !previous.isNowhere && shareServer(previous.peers, fresh.peers)
      if (!hasRoom && shares) {
        throw new StepError('room', this.#noRoom(`${BUSY}, and the fresh client talks to the same server`))
      }
      // Whoever asks a server that is not the right one any more is better off connecting than waiting for a warm pool.
      const left = request.abandoned || !shareServer(previous.peers, fresh.peers)
      if (!left) await this.#room.fill(previous, fresh, opening, this.#closing)
      return fresh
    } catch (error) {
      if (fresh !== undefined) this.#listener.discarded(fresh)
      if (!(error instanceof StepError)) throw error
      this.#listener.failed(request.reason, error.step, error.error)
      throw error.error
    } finally {
      opening.end()
      this.#admission.claims = 0
    }
  }

  #sameClient(): PeriodicFlushError {
    const { name } = this.#options
    const what = 'the factory returned a client that is already in use'
    const instead = 'construct a new one in it, so that a flush connects anew'
    return new PeriodicFlushError('SAME_CLIENT', `${name}: ${what}; ${instead}`)
  }

  #noRoom(why: string): PeriodicFlushError {
    const { name, checkTimeoutMs } = this.#options
    const what = `the step 'room' of a flush was not done within ${checkTimeoutMs} ms (checkTimeoutMs)`
    return new PeriodicFlushError('TIMEOUT', `${name}: ${what}: ${why}`)
  }
}
