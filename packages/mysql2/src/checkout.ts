import type { Holder, Lease, LeaseKind, PeriodicFlushError } from '@periodic-flush/core'
import { type Command, type Connected, type Connection, noop } from './native.ts'
import type { Borrower, OpenedPool } from './opened-pool.ts'

/** The use of one connection, from the wish for it until it is given back. */
export class Checkout implements Holder, Borrower {
  readonly kind: LeaseKind
  /** Whom to give the connection to, or to tell why there is none; undefined once that is done. */
  callback: Connected | undefined
  /** A statement without a callback, until it has ended: mysql2 does not tell it that its connection is lost. */
  command: Command | undefined
  #lease: Lease<unknown> | undefined
  #connection: Connection | undefined
  readonly #counted: (by: 1 | -1) => void
  #answering = false

  /** `counted` is told of a connection that is back and has to answer, and of the end of that. */
  constructor(kind: LeaseKind, counted: (by: 1 | -1) => void = noop) {
    this.kind = kind
    this.#counted = counted
  }

  /** Takes a connection of the leased pool; the lease ends when it is back. */
  start(lease: Lease<unknown>, pool: OpenedPool): void {
    this.#lease = lease
    pool.lend(this)
  }

  settle(error: unknown, connection?: Connection): void {
    const { callback } = this
    this.callback = undefined
    this.#connection = connection
    callback?.(error, connection)
  }

  answering(): void {
    this.#answering = true
    this.#counted(1)
  }

  over(lost?: Error): void {
    if (this.#answering) this.#counted(-1)
    this.#answering = false
    this.#lease?.release()
    if (lost !== undefined && this.command !== undefined) tell(this.command, lost)
  }

  cut(error: PeriodicFlushError): void {
    const { callback, command } = this
    this.callback = undefined
    this.command = undefined
    if (this.#connection !== undefined) cutConnection(this.#connection, error)
    // Later: what one caller throws must not keep the others from being cut.
    process.nextTick(() => {
      if (command !== undefined) tell(command, error)
      else callback?.(error)
    })
  }
}

/** mysql2 tells a statement without a callback by an event, which throws where nobody listens. */
function tell(command: Command, error: unknown): void {
  if (command.listenerCount('error') > 0) command.emit('error', error)
}

/** Fails what runs on a connection, and whatever it is asked from now on. */
function cutConnection(connection: Connection, error: PeriodicFlushError): void {
  const fail = (command: Command): Command => {
    // That of a statement whose preparation has failed: it was told so, and mysql2 has made it do nothing.
    if (Object.hasOwn(command, 'start')) return command
    if (command.onResult !== undefined) command.onResult(error)
    else process.nextTick(() => tell(command, error))
    return command
  }
  connection.addCommand = fail
  connection._addCommandClosedState = fail
  connection.stream.destroy(error)
}
