import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionConfig } from './native.ts'

/**
 * The sockets of a pool, from the moment when they begin to connect: mysql2's own `destroy()` and `end()` leave those
 * to themselves that are still connecting, and those whose server answers nothing.
 */
export class Sockets {
  readonly #open = new Set<Duplex>()
  /** Who waits for a socket to close. */
  readonly #closings: (() => void)[] = []

  constructor(config: ConnectionConfig) {
    const own = config.stream
    config.stream = (options) => this.track(typeof own === 'function' ? own(options) : (own ?? dial(config)))
  }

  get size(): number {
    return this.#open.size
  }

  get peers(): readonly string[] {
    return [...this.#open].flatMap((stream) => {
      const { remoteAddress, remotePort } = stream as Partial<Socket>
      return remoteAddress === undefined ? [] : [`${remoteAddress}:${remotePort}`]
    })
  }

  /** Drops every socket now. */
  cut(): void {
    for (const stream of this.#open) stream.destroy()
  }

  /** Resolves when no socket is left. */
  async closed(): Promise<void> {
    while (this.#open.size > 0) await new Promise<void>((resolve) => this.#closings.push(resolve))
  }

  /** Knows of a socket until it is closed. */
  track(stream: Duplex): Duplex {
    // What is no stream mysql2 itself says in its own words.
    if (!(stream instanceof EventEmitter)) return stream
    this.#open.add(stream)
    stream.once('close', () => {
      this.#open.delete(stream)
      for (const resolve of this.#closings.splice(0)) resolve()
    })
    return stream
  }
}

/** Connects as mysql2 does where it is given no `stream`. */
function dial({ socketPath, host, port, enableKeepAlive, keepAliveInitialDelay }: ConnectionConfig): Socket {
  if (socketPath) return connect(socketPath)
  const socket = connect(port, host).setNoDelay(true)
  if (enableKeepAlive) socket.once('connect', () => socket.setKeepAlive(true, keepAliveInitialDelay))
  return socket
}
