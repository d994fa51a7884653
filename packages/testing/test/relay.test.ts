import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, test } from 'vitest'
import { Relay } from '../src/relay.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

async function listening(accept: (socket: Socket) => void): Promise<AddressInfo> {
  const server = createServer({ allowHalfOpen: true }, accept)
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server.address() as AddressInfo
}

test('a connection whose end is just being passed on is reset as any other, and nothing of it is left', async () => {
  let end = (): void => {}
  const refused = deferred()
  const server = await listening((socket) => {
    const write = () => socket.write('still here', (error) => (error ? refused.resolve() : setImmediate(write)))
    // Whoever is left there would take it.
    socket.resume().on('end', write)
    socket.on('error', () => {})
    end()
  })
  const gate = await listening((socket) => {
    const relay = new Relay(socket, () => {})
    relay.connect({ host: server.address, port: server.port })
    // After the relay's own listener: the end has been passed on, and has not gone out.
    socket.on('end', () => relay.reset())
  })
  const client = connect({ host: gate.address, port: gate.port }).on('error', () => {})
  end = () => client.end()
  await refused.promise
})
