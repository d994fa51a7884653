import type { Certificate } from '@periodic-flush/testing'
import { generate } from 'selfsigned'

/** A new certificate that vouches for itself, for a server that is called `name`. */
export async function selfSigned(name: string): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
  })
  return { cert, key }
}
