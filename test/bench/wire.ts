import { Socket } from 'node:net'
import type { Rival } from './rivals.ts'

/** What became of the statements that one connection was given. */
interface Count {
  /** How many its server has not answered yet. */
  readonly inFlight: number
  /** How many it has answered with an error, and served on. */
  readonly refused: number
  sent(chunk: Buffer): void
  received(chunk: Buffer): void
}

/** Messages that are no part of a statement: a password, rows to copy, the farewell. */
const besides = new Set(['', 'p', 'd', 'c', 'f', 'X'])

/** A statement is a Query, or all that is sent until a Sync; the answer ends with a ReadyForQuery. */
class PostgresCount implements Count {
  inFlight = 0
  refused = 0
  #unfinished = false
  #error = false
  // The first message has no type.
  readonly #toServer = new Messages(4, 0)
  readonly #toClient = new Messages(5, 1)

  sent(chunk: Buffer): void {
    for (const type of this.#toServer.add(chunk)) {
      this.#toServer.header(5, 1)
      if (besides.has(type)) continue
      if (!this.#unfinished) this.inFlight++
      this.#unfinished = type !== 'S' && type !== 'Q'
    }
  }

  received(chunk: Buffer): void {
    for (const type of this.#toClient.add(chunk)) {
      if (type === 'E') this.#error = true
      // The first one comes unasked, at the end of the start-up.
      if (type !== 'Z' || this.inFlight === 0) continue
      this.inFlight--
      if (this.#error) this.refused++
      this.#error = false
    }
  }
}

/** The types of the messages of one direction of PostgreSQL's protocol, however they are cut into chunks. */
class Messages {
  #rest: Buffer = Buffer.alloc(0)
  #header: number
  #lengthAt: number

  constructor(header: number, lengthAt: number) {
    this.#header = header
    this.#lengthAt = lengthAt
  }

  /** From the next message on: so many bytes with the length at that place. */
  header(bytes: number, lengthAt: number): void {
    this.#header = bytes
    this.#lengthAt = lengthAt
  }

  *add(chunk: Buffer): Generator<string> {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= this.#header) {
      const end = this.#lengthAt + this.#rest.readUInt32BE(this.#lengthAt)
      if (this.#rest.length < end) return
      const type = this.#lengthAt === 0 ? '' : String.fromCharCode(this.#rest[0] ?? 0)
      this.#rest = this.#rest.subarray(end)
      yield type
    }
  }
}

/** One command at a time: the first packet of an exchange has the number 0, and the answer to such a row is one chunk. */
class MysqlCount implements Count {
  inFlight = 0
  refused = 0

  sent(chunk: Buffer): void {
    if (chunk[3] === 0) this.inFlight = 1
  }

  received(chunk: Buffer): void {
    if (this.inFlight === 1 && chunk[4] === 0xff) this.refused++
    this.inFlight = 0
  }
}

const counts = { postgres: PostgresCount, mariadb: MysqlCount } satisfies Record<Rival['engine'], new () => Count>

/** The connections that are made to a name, watched at their sockets: which statements are on them, and which are lost. */
export class Wire implements Disposable {
  readonly #live = new Map<Socket, { readonly address: string; readonly count: Count }>()
  readonly #lost = new Map<string, number>()
  /** What was answered with an error on connections that are gone: pg-pool closes each one on which a statement failed. */
  readonly #refused = new Map<string, number>()
  readonly #connect = Socket.prototype.connect
  /** Is called with the address of the server whenever a connection has broken or was dropped. */
  onLoss: ((address: string) => void) | undefined

  constructor(name: string, engine: Rival['engine']) {
    const wire = this
    const connect = this.#connect
    // Drivers make their sockets in more than one way; all of them connect.
    Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
      const socket = Reflect.apply(connect, this, args)
      // Not before: connecting puts `write` back.
      wire.#watch(socket, name, new counts[engine]())
      return socket
    }
  }

  /** How many statements that server has not answered yet, or has answered with an error. */
  doomed(address: string): number {
    const there = [...this.#live.values()].filter((it) => it.address === address)
    return there.reduce((sum, { count }) => sum + count.inFlight + count.refused, this.#refused.get(address) ?? 0)
  }

  /** How many statements were in flight on connections to that server when those broke or were dropped. */
  lost(address: string): number {
    return this.#lost.get(address) ?? 0
  }

  [Symbol.dispose](): void {
    Socket.prototype.connect = this.#connect
  }

  #watch(socket: Socket, name: string, count: Count): void {
    const { emit, write } = socket
    // Listeners of our own would set the socket flowing before its driver listens.
    socket.emit = (event: string, ...args: unknown[]) => {
      if (event === 'lookup' && args[3] === name) this.#live.set(socket, { address: String(args[1]), count })
      if (event === 'data') count.received(args[0] as Buffer)
      if (event === 'close') this.#closed(socket)
      return Reflect.apply(emit, socket, [event, ...args])
    }
    socket.write = (chunk: Uint8Array | string, ...args: unknown[]) => {
      count.sent(Buffer.from(chunk as Uint8Array))
      return Reflect.apply(write, socket, [chunk, ...args])
    }
  }

  #closed(socket: Socket): void {
    const closed = this.#live.get(socket)
    if (closed === undefined) return
    const { address, count } = closed
    this.#live.delete(socket)
    this.#lost.set(address, this.lost(address) + count.inFlight)
    this.#refused.set(address, (this.#refused.get(address) ?? 0) + count.refused)
    this.onLoss?.(address)
  }
}
