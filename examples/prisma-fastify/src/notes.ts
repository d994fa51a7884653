import type { FastifyInstance } from 'fastify'
import { Prisma } from './generated/client.ts'

const params = {
  type: 'object',
  properties: { id: { type: 'integer', minimum: 1, maximum: 2_147_483_647 } },
} as const
const body = { type: 'object', required: ['text'], properties: { text: { type: 'string' } } } as const

interface Note {
  Body: { text: string }
}

interface ById {
  Params: { id: number }
}

/** The REST API of notes. */
export async function notes(app: FastifyInstance): Promise<void> {
  const { note } = app.prisma

  app.setErrorHandler((error, _request, reply) => {
    const missing = error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2025'
    return missing ? reply.code(404).send({ message: 'no such note' }) : reply.send(error)
  })

  app.get('/', () => note.findMany({ orderBy: { id: 'asc' } }))

  app.post<Note>('/', { schema: { body } }, async ({ body: { text } }, reply) => {
    reply.code(201)
    return note.create({ data: { text } })
  })

  app.get<ById>('/:id', { schema: { params } }, ({ params: { id } }) => note.findUniqueOrThrow({ where: { id } }))

  app.put<ById & Note>('/:id', { schema: { params, body } }, ({ params: { id }, body: { text } }) =>
    note.update({ where: { id }, data: { text } }),
  )

  app.delete<ById>('/:id', { schema: { params } }, async ({ params: { id } }, reply) => {
    await note.delete({ where: { id } })
    return reply.code(204).send()
  })
}
