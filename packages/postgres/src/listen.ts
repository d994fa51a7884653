import { AsyncResource } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { Flusher, Holder, Lease } from '@periodic-flush/core'
import { Channels } from './channels.ts'
import { type Client, noop } from './client.ts'
import { Fence } from './fence.ts'
import { type Hearer, Listening } from './listening.ts'

/** As natively: the backend that listens, and the way to end it. */
export interface ListenHandle {
  readonly state: object | undefined
  unlisten(): Promise<unknown>
}

/**
 * `listen`, handed over from client to client.
 *
 * After a swap the fresh client's connection listens too; then a fence parts what is the old one's from what is the
 * fresh one's, so that each notification is delivered once and in order. Where no fence can come by (the connection is
 * lost, or the fresh one is to another server), the fresh one goes on alone, `listen-gap` tells of it, and each
 * `onlisten` is called again. If the fresh client cannot listen, the old one goes on until the next swap.
 */
export class Listeners implements Hearer {
  readonly #flusher: Flusher<Client>
  readonly #fenceChannel = `periodic_flush_${randomUUID().replaceAll('-', '')}`
  readonly #channels = new Channels()
  /** The connection that delivers. */
  #serving: Listening | undefined
  /** The one that is about to take over. */
  #fresh: Listening | undefined
  #fence: Fence | undefined
  #starting: Promise<void> | undefined
  #moving = false
  #ended = false

  constructor(flusher: Flusher<Client>) {
    this.#flusher = flusher
    flusher.on('swap', () => void this.#follow())
  }

  /** Resolves once the server listens; the first call opens the connection. Rejects as natively, or with CLOSED. */
  async listen(channel: string, fn: (payload: string) => void, onlisten?: () => void): Promise<ListenHandle> {
    // After a hand-over they are called by a connection that a flush has made.
    const listener = { fn: AsyncResource.bind(fn), onlisten: onlisten && AsyncResource.bind(onlisten), waits: true }
    this.#channels.add(channel, listener)
    if (this.#serving === undefined) await this.#start()
    try {
      await this.#onEach((listening) => listening.listen(channel))
    } catch (error) {
      // Where the connection failed, postgres.js tries again by itself; where the call was refused, nothing else would.
      if (isRefusal(error) && this.#channels.remove(channel, listener)) this.#forget(channel)
      throw error
    } finally {
      listener.waits = false
    }
    onlisten?.()
    const serving = () => this.#serving
    return {
      get state() {
        return serving()?.state
      },
      unlisten: async () => {
        if (!this.#channels.remove(channel, listener)) return
        return this.#onEach((listening) => listening.unlisten(channel))
      },
    }
  }

  fenced(listening: Listening, payload: string): void {
    this.#fence?.reached(listening, payload)
  }

  notified(channel: string, payload: string): void {
    this.#channels.notify(channel, payload)
  }

  relistened(listening: Listening, channel: string): void {
    if (listening !== this.#serving) return
    // The fence's channel comes first of all.
    if (channel === this.#fenceChannel) this.#tellGap()
    else this.#channels.relistened(channel)
  }

  /** To be called once the flusher gives no lease any more: then none is about to be opened. */
  async end(): Promise<void> {
    this.#ended = true
    const open = this.#both
    this.#serving = undefined
    await Promise.all(open.map((listening) => listening.close()))
  }

  /** Does it on every connection there is: while one takes over from another, either may turn out to stay. */
  async #onEach<T>(act: (listening: Listening) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const asked = this.#both
      const outcomes = await Promise.allSettled(asked.map(act))
      const outcome = outcomes.find(({ status }) => status === 'fulfilled') ?? outcomes[0]
      if (outcome?.status !== 'rejected') return outcome?.value
      // One that was about to go may fail, and then it is for the one that has come to say.
      if (this.#both.every((listening) => asked.includes(listening))) throw outcome.reason
    }
  }

  #forget(channel: string): void {
    for (const listening of this.#both) listening.forget(channel)
  }

  get #both(): readonly Listening[] {
    return [this.#serving, this.#fresh].filter((listening) => listening !== undefined)
  }

  #start(): Promise<void> {
    this.#starting ??= this.#open((listening) => {
      listening.deliver()
      this.#serving = listening
    }).finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  /**
   * Makes a connection beside the client that serves now, on a lease of its own. It is made, and given to `begin`, in the
   * very step in which the lease is had: whatever came in between (a swap, a cut, a further channel) would be missed.
   */
  #open(begin: (listening: Listening) => void): Promise<void> {
    let listening: Listening | undefined
    const holder: Holder = {
      kind: 'listener',
      cut: () => {
        listening?.cut()
        void this.#follow()
      },
    }
    return new Promise((resolve, reject) => {
      const start = (lease: Lease<Client>): void => {
        listening = new Listening(lease, this.#fenceChannel, this.#channels.names, this)
        begin(listening)
        resolve()
      }
      this.#flusher.acquireFor(holder, { start, fail: reject })
    })
  }

  /** Moves on to the client that serves now, and again if it was replaced meanwhile. */
  async #follow(): Promise<void> {
    if (this.#moving) return
    this.#moving = true
    for (;;) {
      const old = this.#serving
      const current = this.#flusher.current()
      if (this.#ended || old === undefined || old.client === current) break
      const moved = this.#channels.names.length === 0 ? await this.#leave(old) : await this.#moveOn(old)
      // The next swap is the next try.
      if (!moved && this.#flusher.current() === current) break
    }
    this.#moving = false
  }

  /** Nobody listens any more. */
  async #leave(old: Listening): Promise<boolean> {
    this.#serving = undefined
    await old.close()
    return true
  }

  /** Hands over from the old connection to one of the client that serves now; false if the old one had to stay. */
  async #moveOn(old: Listening): Promise<boolean> {
    old.stay()
    const begin = (listening: Listening): void => {
      this.#fresh = listening
    }
    await this.#open(begin).catch(noop)
    // Undefined where it was closed meanwhile.
    const fresh = this.#fresh
    if (fresh === undefined) return false
    const failure = await this.#failureOf('listening on the fresh client', fresh.ready)
    if (this.#ended) return false
    if (failure !== undefined) {
      const { name } = this.#flusher
      this.#flusher.tell('failed', { name, reason: 'hand-over', step: 'listen', error: failure.error })
      if (old.connected) {
        this.#fresh = undefined
        old.go()
        await fresh.close()
        return false
      }
    }
    const parted = await this.#part(old, fresh)
    if (this.#ended) return false
    this.#serving = fresh
    this.#fresh = undefined
    fresh.deliver()
    // Where it cannot listen yet, postgres.js tries again by itself.
    if (!parted) fresh.ready.then(() => this.#beginAnew(fresh), noop)
    await old.close()
    return true
  }

  #beginAnew(listening: Listening): void {
    // One that is lost tells of it when it listens anew.
    if (listening !== this.#serving || !listening.connected) return
    this.#tellGap()
    for (const channel of this.#channels.names) this.#channels.relistened(channel)
  }

  /** Draws the line between the two; false if none can be drawn. */
  async #part(old: Listening, fresh: Listening): Promise<boolean> {
    if (!old.connected || areApart(old.peers, fresh.peers)) return false
    const fence = new Fence(old, fresh)
    this.#fence = fence
    const lost = Promise.race([old.lost(), fresh.lost()]).then(() => Promise.reject(new Error('a connection is lost')))
    const passed = old.fenceable.then(() => fence.send()).then(() => fence.passed)
    const failure = await this.#failureOf('the hand-over of listeners', Promise.race([passed, lost]))
    lost.catch(noop)
    passed.catch(noop)
    this.#fence = undefined
    return failure === undefined
  }

  async #failureOf(what: string, work: Promise<unknown>): Promise<{ error: unknown } | undefined> {
    try {
      await this.#flusher.within(what, work)
      return undefined
    } catch (error) {
      return { error }
    }
  }

  #tellGap(): void {
    const channels = this.#channels.answered
    if (channels.length > 0) this.#flusher.tell('listen-gap', { name: this.#flusher.name, channels })
  }
}

/** The statement failed, and its connection lives on; or it could not even be made, as for a name that is no string. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError) return true
  return typeof error === 'object' && error !== null && 'severity' in error && error.severity === 'ERROR'
}

/** Two servers have two streams of notifications, and no line through both. */
function areApart(old: readonly string[], fresh: readonly string[]): boolean {
  return old.length > 0 && fresh.length > 0 && !old.some((peer) => fresh.includes(peer))
}
