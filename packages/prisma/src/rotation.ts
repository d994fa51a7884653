import {
  createFlusher,
  type Flusher,
  type FlusherEvents,
  type FlushOptions,
  type FlushReport,
  type HoldOptions,
  type Listener,
  type Options,
} from '@periodic-flush/core'
import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { adapterDriver } from './driver.ts'

/** The flusher of a Prisma client: the same object for as long as the client lives, across `$disconnect`. */
export type PrismaFlusher = Pick<
  Flusher<SqlDriverAdapter>,
  | 'name'
  | 'closed'
  | 'paused'
  | 'stats'
  | 'on'
  | 'pause'
  | 'resume'
  | 'takeTimer'
  | 'hold'
  | 'distrust'
  | 'close'
  | typeof Symbol.asyncDispose
>

/** A listener, on every flusher that may still tell something: the one that serves, and those that are ending. */
interface Hearing {
  hear(flusher: Flusher<SqlDriverAdapter>): void
  forget(flusher: Flusher<SqlDriverAdapter>): void
}

/**
 * The rotation behind one adapter factory, and the `$flusher` that stands for it.
 *
 * Prisma disposes of its adapter at `$disconnect` and connects again at the next query: that ends one flusher and makes
 * another. Listeners, `pause()` and who has taken the timer stay. After `$flusher.close()` no other is made.
 */
export class Rotation implements PrismaFlusher {
  readonly #make: () => Flusher<SqlDriverAdapter>
  readonly #hearings = new Set<Hearing>()
  /** Those that somebody has disconnected from and that are not closed yet. */
  readonly #ending = new Map<Flusher<SqlDriverAdapter>, Promise<void>>()
  #flusher: Flusher<SqlDriverAdapter>
  #users = 0
  #paused = false
  /** Those who have taken the timer, with what gives back that of the flusher which serves. */
  readonly #takers = new Set<{ giveBack: () => void }>()
  #closed: Promise<void> | undefined

  constructor(factory: Pick<SqlDriverAdapterFactory, 'adapterName' | 'connect'>, options: Options<SqlDriverAdapter>) {
    const connect = factory.connect.bind(factory)
    this.#make = () => createFlusher(adapterDriver(factory.adapterName, connect), options)
    this.#flusher = this.#make()
  }

  get name(): string {
    return this.#flusher.name
  }

  get closed(): boolean {
    return this.#flusher.closed
  }

  get flusher(): Flusher<SqlDriverAdapter> {
    return this.#flusher
  }

  /** Somebody connects. */
  begin(): void {
    this.#users++
  }

  /** Somebody has disconnected; with the last one everything is closed, until somebody connects again. */
  async end(): Promise<void> {
    this.#users--
    await this.vacate()
  }

  /** Closes everything if nobody is connected, also what only a flush has opened, until somebody connects again. */
  async vacate(): Promise<void> {
    if (this.#users > 0 || this.#flusher.closed) return
    const ended = this.#flusher
    this.#flusher = this.#make()
    if (this.#paused) this.#flusher.pause()
    for (const taker of this.#takers) taker.giveBack = this.#flusher.takeTimer()
    for (const { hear } of this.#hearings) hear(this.#flusher)
    const closed = ended.close()
    this.#ending.set(ended, closed)
    await closed
    this.#ending.delete(ended)
    for (const { forget } of this.#hearings) forget(ended)
  }

  readonly flush = (options?: FlushOptions): Promise<FlushReport> => this.#flusher.flush(options)

  stats(): ReturnType<PrismaFlusher['stats']> {
    return this.#flusher.stats()
  }

  on<Event extends keyof FlusherEvents>(event: Event, listener: Listener<Event>): () => void {
    const offs = new Map<Flusher<SqlDriverAdapter>, () => void>()
    const hearing: Hearing = {
      hear: (flusher) => offs.set(flusher, flusher.on(event, listener)),
      forget: (flusher) => offs.delete(flusher),
    }
    for (const flusher of [this.#flusher, ...this.#ending.keys()]) hearing.hear(flusher)
    this.#hearings.add(hearing)
    return () => {
      this.#hearings.delete(hearing)
      for (const off of offs.values()) off()
    }
  }

  pause(): void {
    this.#paused = true
    this.#flusher.pause()
  }

  resume(): void {
    this.#paused = false
    this.#flusher.resume()
  }

  get paused(): boolean {
    return this.#paused
  }

  takeTimer(): () => void {
    const taker = { giveBack: this.#flusher.takeTimer() }
    this.#takers.add(taker)
    return () => {
      this.#takers.delete(taker)
      taker.giveBack()
    }
  }

  hold(options?: HoldOptions): Promise<FlushReport> {
    return this.#flusher.hold(options)
  }

  distrust(reason: string): void {
    this.#flusher.distrust(reason)
  }

  close(options?: { readonly deadlineMs?: number }): Promise<void> {
    const closed = this.#flusher.close(options)
    this.#closed ??= Promise.all([closed, ...this.#ending.values()]).then(() => {})
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
