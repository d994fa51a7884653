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
  'name' | 'closed' | 'stats' | 'on' | 'pause' | 'resume' | 'hold' | 'distrust' | 'close' | typeof Symbol.asyncDispose
>

/**
 * The rotation behind one adapter factory, and the `$flusher` that stands for it.
 *
 * Prisma disposes of its adapter at `$disconnect` and connects again at the next query: that ends one flusher and makes
 * another. Listeners stay. After `$flusher.close()` no other is made.
 */
export class Rotation implements PrismaFlusher {
  readonly #make: () => Flusher<SqlDriverAdapter>
  readonly #listeners = new Set<(flusher: Flusher<SqlDriverAdapter>) => void>()
  #flusher: Flusher<SqlDriverAdapter>
  #users = 0

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
    if (--this.#users > 0 || this.#flusher.closed) return
    const ended = this.#flusher
    this.#flusher = this.#make()
    for (const listen of this.#listeners) listen(this.#flusher)
    await ended.close()
  }

  readonly flush = (options?: FlushOptions): Promise<FlushReport> => this.#flusher.flush(options)

  stats(): ReturnType<PrismaFlusher['stats']> {
    return this.#flusher.stats()
  }

  on<Event extends keyof FlusherEvents>(event: Event, listener: Listener<Event>): () => void {
    let off = () => {}
    const listen = (flusher: Flusher<SqlDriverAdapter>) => {
      off()
      off = flusher.on(event, listener)
    }
    listen(this.#flusher)
    this.#listeners.add(listen)
    return () => {
      this.#listeners.delete(listen)
      off()
    }
  }

  pause(): void {
    this.#flusher.pause()
  }

  resume(): void {
    this.#flusher.resume()
  }

  hold(options?: HoldOptions): Promise<FlushReport> {
    return this.#flusher.hold(options)
  }

  distrust(reason: string): void {
    this.#flusher.distrust(reason)
  }

  close(options?: { readonly deadlineMs?: number }): Promise<void> {
    return this.#flusher.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
