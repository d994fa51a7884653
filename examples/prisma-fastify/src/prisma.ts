import { nameMoved } from '@periodic-flush/core'
import { withPeriodicFlush } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import fastifyPlugin from 'fastify-plugin'
import { PrismaClient } from './generated/client.ts'

function createPrisma(connectionString: string) {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) })
  return withPeriodicFlush(prisma, { intervalMs: 30_000, triggers: [nameMoved()] })
}

declare module 'fastify' {
  interface FastifyInstance {
    prisma: ReturnType<typeof createPrisma>
  }
}

/** Makes `app.prisma`, logs its flushes, and disconnects it once every request is answered. */
export const prismaPlugin = fastifyPlugin<{ connectionString: string }>(async (app, { connectionString }) => {
  const prisma = createPrisma(connectionString)
  prisma.$flusher.on('swap', (event) => app.log.info(event, 'a fresh client serves'))
  prisma.$flusher.on('failed', (event) => app.log.warn(event, 'the old client serves on'))
  app.decorate('prisma', prisma)
  app.addHook('onClose', () => prisma.$disconnect())
})
