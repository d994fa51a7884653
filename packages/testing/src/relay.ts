import { connect, type Socket } from 'node:net'

function reset(socket: Socket): void {
  // Before it is connected Node would wait for that; and one whose end is being sent it would neither reset nor ever close,
  // and then not come to its own end.
  if (socket.connecting || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** One connection through a gate: the client's socket, and once it is relayed the one to the server. */
export class Relay {
  readonly #client: Socket
  readonly #onClose: () => void
  #server: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #stalled = false
  #abandoned = false

  constructor(client: Socket, onClose: () => void) {
    this.#client = client
    this.#onClose = onClose
    this.#adopt(client)
  }

  /** Whether the client still has it open, as far as can be seen: while stalled, its orderly end cannot. */
  get open(): boolean {
    return !this.#client.destroyed && !this.#abandoned
  }

  connect({ host, port }: { readonly host: string; readonly port: number }): void {
    if (this.#client.destroyed) return
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true })
    this.#server = server
    this.#adopt(server)
    if (!this.#stalled) this.#flow()
  }

  connectAfter(delayMs: number, target: { readonly host: string; readonly port: number }): void {
    this.#timer = setTimeout(() => this.connect(target), delayMs).unref()
  }

  /** Takes what the client sends and never answers, not even its orderly end; reading on is how that is noticed. */
  swallow(): void {
    this.#client.once('end', () => {
      this.#abandoned = true
    })
    this.#client.resume()
  }

  stall(): void {
    this.#stalled = true
    this.#server?.unpipe(this.#client).pause()
    if (this.#server) this.#client.unpipe(this.#server).pause()
  }

  resume(): void {
    if (!this.#stalled) return
    this.#stalled = false
    this.#flow()
  }

  reset(): void {
    reset(this.#client)
    if (this.#server !== undefined) reset(this.#server)
  }

  /** Each side's orderly end is passed on by `pipe`, which knows both halves. */
  #flow(): void {
    if (!this.#server) return
    this.#client.pipe(this.#server).pipe(this.#client)
  }

  #adopt(socket: Socket): void {
    socket.unref()
    // Any failure of one side, a refused connection to the server included, is a reset for the other.
    socket.on('error', () => this.reset())
    socket.on('close', () => {
      if (!this.#client.destroyed || (this.#server && !this.#server.destroyed)) return
      clearTimeout(this.#timer)
      this.#onClose()
    })
  }
}
