import { once } from 'node:events'
import type { Express } from 'express'
import { admin, api } from './app.ts'
import { db } from './db.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000', ADMIN_PORT: adminPort = '9400' } = process.env

function listen(name: string, app: Express, port: string, host: string) {
  const server = app.listen(Number(port), host, (error) => {
    if (error) throw error
    const address = server.address()
    if (typeof address === 'object') console.log(`${name} on http://${address?.address}:${address?.port}`)
  })
  return server
}

const servers = [listen('API', api, port, host), listen('Admin', admin, adminPort, '127.0.0.1')]

// What is in flight is answered, then the process has nothing left to do and ends.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await Promise.all(servers.map((server) => once(server.close(), 'close')))
    await db.$flusher.close()
  })
}
