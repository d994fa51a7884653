import type { Lease } from '@periodic-flush/core'
import { type Client, type Listen, type Listened, noop, type Query } from './client.ts'
import { connectionEnded } from './ended.ts'
import { openedOf } from './opened.ts'
import { Sockets } from './sockets.ts'

/** What a listening connection tells. */
export interface Hearer {
  /** The fence has come by. */
  fenced(listening: Listening, payload: string): void
  notified(channel: string, payload: string): void
  /** The connection broke, and postgres.js listens anew on another: something may have been lost meanwhile. */
  relistened(listening: Listening, channel: string): void
}

/**
 * What becomes of a notification: `waiting` for the fence, it is another connection's; `holding` until that other one
 * has come to the fence too; `delivering`; `silent` once the fence has passed.
 */
type Phase = 'waiting' | 'holding' | 'delivering' | 'silent'

/** A channel that postgres.js was asked to listen to. */
interface Asked {
  /** What it said last. */
  answer: Promise<object>
  /** That was an error of the connection, so that postgres.js has gone on to try by itself. */
  failed: boolean
  /** It has had an answer: whenever it listens from now on, something may have been lost before. */
  again: boolean
}

/** The connection on which one client listens, beside its pool. It connects anew by itself when it breaks, as natively. */
export class Listening {
  readonly client: Client
  readonly fence: string
  /** Resolves once it listens to the fence and to all channels that it was made with. */
  readonly ready: Promise<unknown>
  /** Resolves once it listens to the fence, also where that takes more than one try: before that one passes it by. */
  readonly fenceable: Promise<void>
  #listensToFence: () => void = noop
  /** The backend that listens. */
  state: object | undefined
  readonly #lease: Lease<Client>
  readonly #listen: Listen
  readonly #hearer: Hearer
  readonly #sql: Client
  readonly #sockets: Sockets
  /** What listens to a channel now; postgres.js may still call what did before. */
  readonly #channels = new Map<string, Asked>()
  /** How to fail those who wait for an answer of the server. */
  readonly #unanswered = new Set<(error: Error) => void>()
  #phase: Phase = 'waiting'
  #held: [channel: string, payload: string][] = []
  #closing: Promise<void> | undefined

  constructor(lease: Lease<Client>, fence: string, channels: Iterable<string>, hearer: Hearer) {
    this.#lease = lease
    this.client = lease.client
    this.fence = fence
    this.#hearer = hearer
    const opened = openedOf(this.client)
    this.#listen = this.client.listen
    this.fenceable = new Promise((resolve) => {
      this.#listensToFence = resolve
    })
    const fenced = this.listen(fence)
    // Made within the call; it connects later.
    const { sql } = this.#listen
    if (sql === undefined) throw new TypeError('Unknown version of postgres.js: it does not show its listening client')
    this.#sql = sql
    sql.options.socket = opened.sockets.own
    this.#sockets = new Sockets(sql)
    opened.listening = this.#sockets
    this.ready = Promise.all([fenced, ...[...channels].map((channel) => this.listen(channel))])
    this.ready.catch(noop)
  }

  /** The address that it is connected to, if it is. */
  get peers(): readonly string[] {
    return this.#sockets.peers
  }

  /** Resolves once it has lost its connection. */
  lost(): Promise<void> {
    return this.#sockets.ended(true)
  }

  get connected(): boolean {
    return this.#sockets.size > 0
  }

  /** Listens to a channel, once however often it is asked; resolves to the backend that does. */
  listen(channel: string): Promise<object> {
    // Its client would make another connection, which nobody ends.
    if (this.#closing !== undefined) return Promise.reject(connectionEnded(this.#sql))
    const known = this.#channels.get(channel)
    if (known !== undefined) {
      if (known.failed) this.#answered(known, this.#listen(channel, noop, noop))
      return known.answer
    }
    const onnotify = (payload: string): void => {
      if (this.#channels.get(channel) === asked) this.#notified(channel, payload)
    }
    const onlisten = (): void => {
      if (channel === this.fence) this.#listensToFence()
      if (asked.again && this.#channels.get(channel) === asked) this.#hearer.relistened(this, channel)
      asked.again = true
    }
    const answer = this.#listen(channel, onnotify, onlisten)
    const asked: Asked = { answer, failed: false, again: false }
    this.#answered(asked, answer)
    this.#channels.set(channel, asked)
    return asked.answer
  }

  #answered(asked: Asked, answer: Promise<Listened>): void {
    asked.failed = false
    asked.answer = this.#unlessEnded(answer).then(
      ({ state }) => {
        this.state = state
        return state
      },
      (error: unknown) => {
        asked.failed = true
        asked.again = true
        throw error
      },
    )
    asked.answer.catch(noop)
  }

  /** A server that refused to listen is asked anew when it is wanted again. */
  forget(channel: string): boolean {
    delete this.#listen.channels[channel]
    return this.#channels.delete(channel)
  }

  /** postgres.js's own way forgets its listener when it connects anew. */
  async unlisten(channel: string): Promise<unknown> {
    if (!this.forget(channel)) return
    try {
      // As a promise of Node's own it is sent as late as a `listen` is, which must not be overtaken.
      const name = this.#sql.unsafe(`"${channel.replaceAll('"', '""')}"`)
      const answer = Promise.resolve(this.#sql`unlisten ${name}` as Query)
      return await this.#unlessEnded(answer)
    } catch (error) {
      // A connection that has ended listens to nothing: a flush may end it meanwhile, since nobody listens any more.
      if (this.#closing === undefined) throw error
      return undefined
    }
  }

  /** Sends the fence to everyone who listens to it on this server. */
  async notify(payload: string): Promise<void> {
    // Both are names of our own; a statement without rows, which the user's transforms would see.
    await this.#sql.unsafe(`notify ${this.fence}, '${payload}'`)
  }

  /** It stays where it is until its end: if it breaks, it does not connect anew. */
  stay(): void {
    this.#sockets.retiring = true
  }

  /** It may connect anew after all. */
  go(): void {
    this.#sockets.retiring = false
  }

  hold(): void {
    this.#phase = 'holding'
  }

  deliver(): void {
    this.#phase = 'delivering'
    for (const [channel, payload] of this.#held.splice(0)) this.#hearer.notified(channel, payload)
  }

  silence(): void {
    this.#phase = 'silent'
  }

  /** Ends it, and its lease; resolves once its connection is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Drops the connection. */
  cut(): void {
    this.#stop()
    this.#sockets.cut()
    // What the client still waits for is rejected, and the lease ends.
    this.close().catch(noop)
  }

  async #close(): Promise<void> {
    this.#stop()
    await this.#sql.end({ timeout: 0 })
    await this.#sockets.leave()
    for (const fail of this.#unanswered) fail(connectionEnded(this.#sql))
    // Else a later one on the same client would find this one, which has ended.
    this.#listen.sql = undefined
    this.#lease.release()
  }

  /** What waits in its queue for a connection that never comes, postgres.js forgets at its end: that rejects. */
  #unlessEnded<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject)
      answer.then(resolve, reject).then(() => this.#unanswered.delete(reject))
    })
  }

  #stop(): void {
    this.silence()
    this.#channels.clear()
    // Closing is no reason to listen anew.
    this.#listen.channels = {}
  }

  #notified(channel: string, payload: string): void {
    if (channel === this.fence) this.#hearer.fenced(this, payload)
    else if (this.#phase === 'delivering') this.#hearer.notified(channel, payload)
    else if (this.#phase === 'holding') this.#held.push([channel, payload])
  }
}
