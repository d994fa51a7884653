import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { TestingError } from './errors.ts'

/**
 * A port that is free at every one of the hosts, or the given one if it is.
 * It can be taken by somebody else before it is used, so a caller that did not ask for a certain port tries again.
 */
export async function freePort(hosts: readonly string[], wanted?: number): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const held: Server[] = []
    try {
      let port = wanted ?? 0
      for (const host of hosts) {
        const server = await hold(host, port)
        held.push(server)
        port = portOf(server)
      }
      return port
    } catch (error) {
      if (wanted !== undefined || attempt === 10 || !isPortTaken(error)) throw error
    } finally {
      await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
    }
  }
}

export function portOf(server: Server): number {
  const bound = server.address()
  if (typeof bound !== 'object' || bound === null) throw new TypeError('Expected a server that listens on a TCP port')
  return bound.port
}

export function isPortTaken(error: unknown): boolean {
  return error instanceof TestingError && error.code === 'PORT_TAKEN'
}

async function hold(host: string, port: number): Promise<Server> {
  const server = createServer()
  try {
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error, host, port)
  }
  return server
}

/** Says in our words why nothing can listen at that address. */
export function listenError(cause: unknown, host: string, port: number): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE') return new TestingError('PORT_TAKEN', `Port ${port} at ${host} is taken`, { cause })
  if (code !== 'EADDRNOTAVAIL') return cause
  const loopback = process.platform === 'darwin' && host.startsWith('127.')
  const remedy = loopback ? `: macOS has only 127.0.0.1 until you run \`sudo ifconfig lo0 alias ${host} up\`` : ''
  return new TestingError('ADDRESS_UNAVAILABLE', `This machine has no address ${host}${remedy}`, { cause })
}
