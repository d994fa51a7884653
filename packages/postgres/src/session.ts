import { AsyncResource } from 'node:async_hooks'
import type { Flusher, Holder, Lease, LeaseKind } from '@periodic-flush/core'
import { type Client, type Connection, noop, type Query, type Reserved } from './client.ts'
import { Misled } from './misled.ts'
import { type Opened, openedOf } from './opened.ts'
import { reserve } from './reserve.ts'
import { type Notify, Scope, tellsOfLoss } from './scope.ts'

/** Work that holds one connection; until it has one, it may move to a fresh client. */
abstract class Session<Result> implements Holder {
  abstract readonly kind: LeaseKind
  readonly result: Promise<Result>
  protected readonly resolve: (value: Result) => void
  protected readonly reject: (error: unknown) => void
  protected lease: Lease<Client> | undefined
  protected readonly scope: Scope
  protected readonly flusher: Flusher<Client>

  constructor(flusher: Flusher<Client>, notify: Notify) {
    this.flusher = flusher
    this.scope = new Scope(notify, (error) => this.lease && flusher.failed(this.lease.client, error))
    let settle: [(value: Result) => void, (error: unknown) => void] = [noop, noop]
    this.result = new Promise((resolve, reject) => {
      settle = [resolve, reject]
    })
    ;[this.resolve, this.reject] = settle
  }

  cut(error: Error): void {
    this.lease = undefined
    this.scope.cut(error)
    this.reject(error)
  }

  recall(): boolean {
    if (this.lease === undefined || !this.abandon(openedOf(this.lease.client))) return false
    this.lease = undefined
    this.start()
    return true
  }

  start(): void {
    try {
      const lease = this.flusher.tryAcquire(this)
      if (lease !== undefined) this.#go(lease)
      else this.flusher.acquire(this).then((late) => this.#go(late), this.reject)
    } catch (error) {
      this.reject(error)
    }
  }

  #go(lease: Lease<Client>): void {
    this.lease = lease
    const opened = openedOf(lease.client)
    if (opened.ready) {
      this.open(lease)
      return
    }
    const go = (): void => {
      if (this.lease === lease) this.open(lease)
    }
    opened.prime().then(go)
  }

  /** Starts on this lease; whatever comes of it after `abandon` or `cut` is nobody's. */
  protected abstract open(lease: Lease<Client>): void
  /** Takes back what was not sent yet; false if it is too late. */
  protected abstract abandon(opened: Opened): boolean
}

type Work = (...args: readonly unknown[]) => unknown

/** One transaction, from its first statement to its last. */
export class Transaction extends Session<unknown> {
  readonly kind = 'transaction'
  readonly #args: readonly unknown[]
  readonly #misled = new Misled()
  #first: Query | undefined

  constructor(flusher: Flusher<Client>, args: readonly unknown[], notify: Notify) {
    super(flusher, notify)
    // Where it moves, it is a flush that starts it: its work is its owner's all the same, AsyncLocalStorage and all.
    this.#args = this.scope.work(args).map((arg) => (typeof arg === 'function' ? AsyncResource.bind(arg as Work) : arg))
  }

  protected open(lease: Lease<Client>): void {
    const { client } = lease
    const { unsafe } = client
    // postgres.js writes BEGIN through this property within the call: noted, it can be taken back.
    client.unsafe = (...args) => {
      client.unsafe = unsafe
      this.#first = unsafe(...args)
      return this.#first
    }
    const ended = client.begin(...this.#args)
    client.unsafe = unsafe
    ended.then(
      (value) => this.#settle(lease, () => this.resolve(value)),
      (error: unknown) => {
        this.flusher.failed(client, error)
        if (this.#misled.by(error, this.#first, client)) {
          this.#settle(lease, () => this.start())
          return
        }
        // Its work may go on, and wait for what was queued.
        if (tellsOfLoss(error)) this.scope.cut(error as Error)
        this.#settle(lease, () => this.reject(error))
      },
    )
  }

  protected abandon(opened: Opened): boolean {
    const first = this.#first
    this.#first = undefined
    if (first === undefined) return true
    if (first.state !== null) return false
    opened.cancel(first)
    return true
  }

  #settle(lease: Lease<Client>, settle: () => void): void {
    if (this.lease !== lease) return
    this.lease = undefined
    lease.release()
    settle()
  }
}

/** One reserved connection, until it is released. */
export class Reservation extends Session<Reserved> {
  readonly kind = 'reserved'
  #held = false
  #first: Query | undefined

  protected open(lease: Lease<Client>): void {
    const opened = openedOf(lease.client)
    opened.reservations += 1
    this.#first = undefined
    const noted = (first: Query): void => {
      this.#first = first
    }
    reserve(lease.client, noted).then(
      (reserved) => {
        if (this.lease !== lease) {
          opened.reservations -= 1
          reserved.release()
          return
        }
        this.#held = true
        this.#watch(lease, reserved)
        const scoped = this.scope.of(reserved)
        this.#releasing(opened, lease, scoped)
        this.resolve(scoped)
      },
      (error: unknown) => {
        opened.reservations -= 1
        this.flusher.failed(lease.client, error)
        if (this.lease !== lease) return
        this.lease = undefined
        lease.release()
        this.reject(error)
      },
    )
  }

  protected abandon(opened: Opened): boolean {
    if (this.#held) return false
    if (this.#first?.state === null) opened.cancel(this.#first)
    return true
  }

  /**
   * postgres.js tells nobody that a reserved connection is lost, and writes to its socket, which is gone. What it calls then
   * can be set while a statement is sent: the shortest there is, whose answer nobody waits for.
   */
  #watch(lease: Lease<Client>, reserved: Reserved): void {
    const onexecute = (connection: Connection): boolean => {
      connection.onclose = (error) => {
        if (this.lease !== lease) return
        this.flusher.failed(lease.client, error)
        this.scope.cut(error)
      }
      return true
    }
    const shortest = reserved.unsafe('', [], { onexecute })
    shortest.resolve = noop
    shortest.reject = noop
    shortest.handler(shortest)
  }

  #releasing(opened: Opened, lease: Lease<Client>, reserved: Reserved): void {
    const release = reserved.release
    let released = false
    reserved.release = () => {
      if (released) return
      released = true
      opened.reservations -= 1
      if (this.lease !== lease) return
      this.lease = undefined
      // After a cut, or a loss, the connection would run what waits in its client's queue, on a socket that is gone.
      if (!this.scope.isOver) release()
      lease.release()
    }
  }
}
