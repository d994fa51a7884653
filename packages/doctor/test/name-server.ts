import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** A record of the zone: an address, or an alias of another name. */
export type NameRecord = { readonly ttl: number } & ({ readonly a: string } | { readonly cname: string })

const types = { a: 1, cname: 5 }

/** A name server for a few names, at 127.0.0.1, which speaks as much DNS as the questions need. */
export class NameServer implements AsyncDisposable {
  /** May be changed at any time. */
  readonly zone = new Map<string, NameRecord>()
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (question, { port, address }) => socket.send(this.#answer(question), port, address))
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new NameServer(socket)
  }

  /** Address and port, as resolvers take them. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  #answer(question: Buffer): Buffer {
    const labels: string[] = []
    let end = 12
    for (let length = question[end] ?? 0; length > 0; length = question[end] ?? 0) {
      labels.push(question.toString('latin1', end + 1, end + 1 + length))
      end += length + 1
    }
    const type = question.readUInt16BE(end + 1)
    const record = this.zone.get(labels.join('.').toLowerCase())
    const [kind, data] =
      record === undefined
        ? [0, Buffer.alloc(0)]
        : 'a' in record
          ? [types.a, Buffer.from(record.a.split('.').map(Number))]
          : [types.cname, encoded(record.cname)]
    const matches = record !== undefined && kind === type
    const header = Buffer.from(question.subarray(0, 12))
    // A recursive answer; no such name, where there is no record at all.
    header.writeUInt16BE(record === undefined ? 0x8183 : 0x8180, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(matches ? 1 : 0, 6)
    header.fill(0, 8)
    const answer = Buffer.alloc(12)
    answer.writeUInt16BE(0xc00c, 0)
    answer.writeUInt16BE(type, 2)
    answer.writeUInt16BE(1, 4)
    answer.writeUInt32BE(record?.ttl ?? 0, 6)
    answer.writeUInt16BE(data.length, 10)
    return Buffer.concat([header, question.subarray(12, end + 5), ...(matches ? [answer, data] : [])])
  }
}

function encoded(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.from([0])])
}
