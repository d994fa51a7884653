import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { admin, api } from './app.ts'
import { db } from './db.ts'

const { HOST: hostname = '127.0.0.1', PORT: port = '3000', ADMIN_PORT: adminPort = '9400' } = process.env

const servers = [
  serve({ fetch: api.fetch, hostname, port: Number(port) }, ({ address, port }) =>
    console.log(`API on http://${address}:${port}`),
  ),
  serve({ fetch: admin.fetch, hostname: '127.0.0.1', port: Number(adminPort) }, ({ address, port }) =>
    console.log(`Admin on http://${address}:${port}`),
  ),
]

// What is in flight is answered, then the process has nothing left to do and ends.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await Promise.all(servers.map((server) => once(server.close(), 'close')))
    await db.$flusher.close()
  })
}
