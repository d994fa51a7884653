import type { Socket } from 'node:net'

const READY_LENGTH = 6
const READY = 0x5a

/**
 * Tells which sockets are fetching array types, the first thing that postgres.js does on a connection. If such a query
 * fails, nobody catches it, and the process ends; so a connection must not be dropped meanwhile in the usual way.
 *
 * Under TLS there is nothing to be seen.
 */
export class Startup {
  readonly #fetching = new Set<Socket>()
  /** Sockets whose server has not said yet that it is ready. */
  readonly #handshaking = new Set<Socket>()
  #waiting: (() => void)[] = []

  get any(): boolean {
    return this.#fetching.size > 0
  }

  /** Whether the server of this socket has yet to say that it is ready for a first query. */
  isHandshaking(socket: Socket): boolean {
    return this.#handshaking.has(socket)
  }

  watch(socket: Socket): void {
    // The first ReadyForQuery ends the handshake, the second one the query for types.
    const look = (chunk: Buffer): void => {
      const at = chunk.length - READY_LENGTH
      if (at < 0 || chunk[at] !== READY || chunk.readUInt32BE(at + 1) !== READY_LENGTH - 1) return
      if (this.#fetching.has(socket)) {
        over()
      } else {
        this.#handshaking.delete(socket)
        this.#fetching.add(socket)
        const written = socket.bytesWritten
        // postgres.js writes with the next turn of the loop. What opened the connection may be gone: then it asks for no types.
        setImmediate(() => setImmediate(() => socket.bytesWritten === written && over()))
      }
    }
    const over = (): void => {
      socket.off('data', look)
      this.over(socket)
    }
    this.#handshaking.add(socket)
    socket.on('data', look)
  }

  over(socket: Socket): void {
    this.#handshaking.delete(socket)
    if (!this.#fetching.delete(socket)) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves once no socket is fetching types. */
  async ended(): Promise<void> {
    while (this.any) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
