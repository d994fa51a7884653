import type { Certificate } from '@periodic-flush/testing'
import { generate } from 'selfsigned'

const commonName = (value: string) => [{ name: 'commonName', value }]
const elliptic = { keyType: 'ec', algorithm: 'sha256' } as const

/** One who vouches for servers and clients by certificates. */
export class Authority {
  readonly #own: Certificate

  private constructor(own: Certificate) {
    this.#own = own
  }

  static async found(name: string): Promise<Authority> {
    const { cert, private: key } = await generate(commonName(name), {
      ...elliptic,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
      ],
    })
    return new Authority({ cert, key })
  }

  /** What those need who trust it. */
  get cert(): string {
    return this.#own.cert
  }

  /** A certificate for a server of that host name, or for a client of that user name. */
  async vouch(name: string): Promise<Certificate> {
    const { cert, private: key } = await generate(commonName(name), {
      ...elliptic,
      ca: this.#own,
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
      ],
    })
    return { cert, key }
  }
}
