import { Socket } from 'node:net'

/** Sockets for node-postgres, as its option `stream` takes them, and the most that were connected at once. */
export class CountedSockets {
  most = 0
  readonly #open = new Set<Socket>()

  readonly stream = (): Socket => {
    const socket = new Socket()
    socket.once('connect', () => {
      this.#open.add(socket)
      this.most = Math.max(this.most, this.#open.size)
    })
    return socket.once('close', () => this.#open.delete(socket))
  }
}
