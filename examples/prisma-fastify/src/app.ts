import { flushAll } from '@periodic-flush/core'
import Fastify, { type FastifyInstance } from 'fastify'
import { notes } from './notes.ts'
import { prismaPlugin } from './prisma.ts'

/** What everybody may ask. */
export function buildApi(connectionString: string): FastifyInstance {
  const app = Fastify({ logger: true })
  // Fastify keeps a connection alive for 72 s after its last answer, and would end no sooner.
  app.addHook('onSend', async (_request, reply) => {
    if (!app.server.listening) reply.header('connection', 'close')
  })
  app.register(prismaPlugin, { connectionString })
  app.register(notes, { prefix: '/notes' })
  app.get('/health', async () => {
    await app.prisma.$queryRaw`select 1`
    return app.prisma.$flusher.stats()
  })
  return app
}

/** What only this machine may ask: listen on loopback. */
export function buildAdmin(): FastifyInstance {
  const app = Fastify({ logger: true })
  // A browser on this machine says so, whichever page it is that asks.
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (headers.origin !== undefined) return reply.code(403).send()
  })
  app.post('/flush', async (_request, reply) => {
    const reports = await flushAll()
    reply.code(reports.every(({ status }) => status === 'flushed') ? 200 : 503)
    return reports
  })
  return app
}
