import type { Client } from './client.ts'

/** What postgres.js says after its own `end()`. */
export function connectionEnded({ options: { host, port, path } }: Client): Error {
  const [code, address] = ['CONNECTION_ENDED', path || host]
  const message = `write ${code} ${path || `${host}:${port}`}`
  return Object.assign(new Error(message), { code, errno: code, address }, path ? {} : { port })
}
