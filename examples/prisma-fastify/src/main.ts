import { buildAdmin, buildApi } from './app.ts'
import { databaseUrl } from './database.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000', ADMIN_PORT: adminPort = '9400' } = process.env

const api = buildApi(await databaseUrl())
const admin = buildAdmin()
await api.listen({ host, port: Number(port), listenTextResolver: (address) => `API on ${address}` })
await admin.listen({
  host: '127.0.0.1',
  port: Number(adminPort),
  listenTextResolver: (address) => `Admin on ${address}`,
})

// What is in flight is answered, then the process has nothing left to do and ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => Promise.all([api.close(), admin.close()]))
