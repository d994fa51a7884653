import { Readable, Stream } from 'node:stream'
import type { Flusher, Holder, Lease, LeaseKind } from '@periodic-flush/core'
import { type Client, noop, type Query } from './client.ts'
import { Cursor } from './cursor.ts'
import { Misled } from './misled.ts'
import { type Opened, openedOf } from './opened.ts'
import { ofOwner } from './thrown.ts'

/** Where a query that runs, and any stand-in for it, has its run. */
const running = Symbol('run')

// postgres.js calls these as methods of the query: shared ones cost less than closures for each query.
function resolveRun(this: Routed, value: unknown): void {
  this[running]?.settled(value)
}

function rejectRun(this: Routed, error: unknown): void {
  this[running]?.failed(error)
}

function cancelRun(query: Routed): void {
  query[running]?.cancel()
}

interface Routed extends Query {
  [running]?: Run
}

type Settle = (value: unknown) => void

/** One query from the moment it runs until it has settled. */
export class Run implements Holder {
  readonly kind: LeaseKind
  readonly #flusher: Flusher<Client>
  readonly #query: Routed
  readonly #resolve: Settle
  readonly #reject: Settle
  /** What the client was given: the query itself, or a stand-in for it. */
  #sent: Query | undefined
  /** Once it has been given the query itself, each later one gets a stand-in. */
  #given: boolean
  #lease: Lease<Client> | undefined
  #waiting: AbortController | undefined
  #stream: Stream | undefined
  /** Made when it is needed: this is on the way of every query. */
  #misled: Misled | undefined
  readonly #cursor: Cursor | undefined

  constructor(flusher: Flusher<Client>, query: Routed) {
    this.#flusher = flusher
    this.#query = query
    this.#resolve = query.resolve
    this.#reject = query.reject
    query[running] = this
    query.canceller = cancelRun
    if (query.forEachFn !== undefined) query.forEachFn = ofOwner(query.forEachFn)
    this.kind = query.cursorRows !== undefined ? 'cursor' : query.streaming ? 'stream' : 'query'
    // A cursor's iterator needs the query for itself.
    this.#given = this.kind === 'cursor'
    if (!this.#given) return
    const live = (): boolean => this.#lease !== undefined
    this.#cursor = new Cursor(query, (rows) => query.cursorFn?.(rows), live)
  }

  start(): void {
    let lease: Lease<Client> | undefined
    try {
      lease = this.#flusher.tryAcquire(this)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (lease === undefined) this.#wait()
    else this.#begin(lease)
  }

  cut(error: Error): void {
    this.#lease = undefined
    this.#fail(error)
    if (this.#stream !== undefined && 'destroy' in this.#stream) (this.#stream as Readable).destroy(error)
  }

  /**
   * Takes back a query that no connection has been given. One for which a connection is still being made is no longer
   * in the client's queue, and runs once the connection is up unless it is marked as cancelled; so the mark stays, and
   * the next client gets a stand-in.
   */
  recall(): boolean {
    const lease = this.#lease
    const sent = this.#sent
    if (lease === undefined || (sent !== undefined && sent.state !== null)) return false
    this.#lease = undefined
    this.#sent = undefined
    if (sent !== undefined) {
      sent.resolve = noop
      sent.reject = noop
      openedOf(lease.client).cancel(sent)
    }
    this.start()
    return true
  }

  cancel(): void {
    const lease = this.#lease
    const sent = this.#sent
    if (lease !== undefined && sent !== undefined) {
      openedOf(lease.client).cancel(sent)
      return
    }
    this.#waiting?.abort()
    this.#lease = undefined
    lease?.release()
    this.#fail(cancellation())
  }

  #wait(): void {
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    this.#flusher.acquire(this, { signal }).then(
      (lease) => {
        if (signal.aborted) lease.release()
        else this.#begin(lease)
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #begin(lease: Lease<Client>): void {
    this.#lease = lease
    const opened = openedOf(lease.client)
    if (opened.ready) {
      this.#send(opened)
      return
    }
    // A client that cannot be primed fails the query in its own words.
    const go = (): void => {
      if (this.#lease === lease) this.#send(opened)
    }
    opened.prime().then(go)
  }

  #send(opened: Opened): void {
    const sent = this.#given ? this.#standIn() : this.#query
    this.#given = true
    this.#sent = sent
    sent.resolve = resolveRun
    sent.reject = rejectRun
    opened.handler(sent)
  }

  settled(value: unknown): void {
    if (this.#lease === undefined) return
    // A stream is where copying begins, also where nobody asked for one; it ends when the query is resolved once more.
    if (value instanceof Stream) this.#copying(value)
    else this.#release()
    this.#succeed(value)
  }

  failed(error: unknown): void {
    // After a cut the client has its own say about what it lost; the owner has been told.
    if (this.#lease === undefined) return
    const { client } = this.#lease
    this.#flusher.failed(client, error)
    this.#release()
    this.#misled ??= new Misled()
    const misled = this.#misled.by(error, this.#sent, client)
    this.#sent = undefined
    if (misled) this.start()
    else this.#fail(error)
  }

  /** What the connection writes on it leaves the query as it was. */
  #standIn(): Query {
    const query = this.#query
    const standIn: Query = Object.create(query)
    standIn.cancelled = null
    // A cursor's iterator reads it from the query.
    Object.defineProperty(standIn, 'active', {
      get: () => query.active,
      set: (active: boolean) => {
        query.active = active
      },
    })
    const cursor = this.#cursor
    if (cursor !== undefined) standIn.cursorFn = (rows) => cursor.step(rows)
    return standIn
  }

  /** A copy that is destroyed before its end goes on to its end unread; natively its connection is paused for ever. */
  #copying(stream: Stream): void {
    this.#stream = stream
    if (!(stream instanceof Readable)) return
    stream.once('close', () => {
      if (!stream.readableAborted || this.#lease === undefined) return
      stream.push = () => true
      stream._read(0)
    })
  }

  #release(): void {
    const lease = this.#lease
    this.#lease = undefined
    lease?.release()
  }

  // A cursor's iterator replaces both on its query at every step.
  #succeed(value: unknown): void {
    if (this.kind === 'cursor') this.#query.resolve(value)
    else this.#resolve(value)
  }

  #fail(error: unknown): void {
    if (this.#cursor !== undefined) this.#cursor.fail(error)
    else this.#reject(error)
  }
}

/** As postgres.js has it for a query that was not sent yet. */
export function cancellation(): Error {
  return Object.assign(new Error('57014: canceling statement due to user request'), { code: '57014' })
}
