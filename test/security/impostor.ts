import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket, connect as tlsConnect } from 'node:tls'
import type { Certificate } from '@periodic-flush/testing'

/** The server that an impostor stands in front of. */
interface Target {
  readonly dialect: 'postgres' | 'mysql'
  readonly host: string
  readonly port: number
}

const PG_SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
/** A header, and the flags and sizes that come before the user's name. */
const MYSQL_SSL_REQUEST_LENGTH = 36
const MYSQL_CLIENT_SSL = 0x08

/**
 * Somebody between a client and its server, at another address but the same port, with a certificate of its own, or
 * without any: it says then that it knows no TLS, and hears what is said next. Who trusts it reaches the server through it,
 * and is read.
 */
export class Impostor implements AsyncDisposable {
  readonly host: string
  readonly #target: Target
  readonly #identity: Certificate | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** How many have come. */
  met = 0
  /** What clients sent without encryption. */
  clear = Buffer.alloc(0)
  /** What clients sent encrypted, and could be read here. */
  read = Buffer.alloc(0)

  private constructor(host: string, target: Target, identity: Certificate | undefined) {
    this.host = host
    this.#target = target
    this.#identity = identity
    this.#server = createServer((socket) => void this.#receive(this.#track(socket)).catch(() => socket.destroy()))
  }

  static async start(host: string, target: Target, identity?: Certificate): Promise<Impostor> {
    const impostor = new Impostor(host, target, identity)
    impostor.#server.listen(target.port, host)
    await once(impostor.#server, 'listening')
    return impostor
  }

  /** How many have connected and not gone. */
  get connections(): number {
    return this.#sockets.size
  }

  forget(): void {
    this.met = 0
    this.clear = Buffer.alloc(0)
    this.read = Buffer.alloc(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    return socket
  }

  async #receive(client: Socket): Promise<void> {
    this.met += 1
    const { dialect, host, port } = this.#target
    const server = this.#track(connect(port, host))
    client.once('close', () => server.destroy())
    server.once('close', () => client.destroy())
    if (dialect === 'postgres') await this.#introducePostgres(client, server)
    else await this.#introduceMysql(client, server)
    const identity = this.#identity
    if (identity === undefined) {
      client.on('data', (chunk) => {
        this.#overhear(chunk)
        client.destroy()
      })
      return
    }
    const secure = new TLSSocket(client, { isServer: true, secureContext: createSecureContext(identity) })
    secure.on('error', () => client.destroy())
    secure.on('data', (chunk: Buffer) => {
      this.read = Buffer.concat([this.read, chunk])
    })
    const onward = tlsConnect({ socket: server, rejectUnauthorized: false })
    onward.on('error', () => server.destroy())
    secure.pipe(onward).pipe(secure)
  }

  async #introducePostgres(client: Socket, server: Socket): Promise<void> {
    await this.#first(client, PG_SSL_REQUEST.length)
    if (this.#identity === undefined) {
      client.write('N')
      return
    }
    server.write(PG_SSL_REQUEST)
    await this.#taken(server, 1)
    client.write('S')
  }

  /** The greeting is the server's own, but for the ability to talk TLS where there is no certificate to show. */
  async #introduceMysql(client: Socket, server: Socket): Promise<void> {
    const header = await this.#taken(server, 4)
    const greeting = await this.#taken(server, header.readUIntLE(0, 3))
    if (this.#identity === undefined) {
      const flags = greeting.indexOf(0, 1) + 1 + 4 + 8 + 1
      greeting[flags + 1] = (greeting[flags + 1] ?? 0) & ~MYSQL_CLIENT_SSL
      client.write(Buffer.concat([header, greeting]))
      return
    }
    client.write(Buffer.concat([header, greeting]))
    server.write(await this.#first(client, MYSQL_SSL_REQUEST_LENGTH))
  }

  /** The request for TLS, which is in the clear and says nothing of anybody. */
  async #first(client: Socket, length: number): Promise<Buffer> {
    const request = await this.#taken(client, length)
    this.#overhear(request)
    return request
  }

  #overhear(chunk: Buffer): void {
    this.clear = Buffer.concat([this.clear, chunk])
  }

  /** So many bytes, once they are there; the rest stays for whoever reads next. */
  async #taken(socket: Socket, length: number): Promise<Buffer> {
    for (;;) {
      const chunk: Buffer | null = socket.read(length)
      if (chunk !== null) return chunk
      if (socket.destroyed || socket.readableEnded) throw new Error('it has gone')
      await Promise.race([once(socket, 'readable'), once(socket, 'close')])
    }
  }
}
