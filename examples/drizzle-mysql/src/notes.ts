import { asc, eq } from 'drizzle-orm'
import { type Request, Router } from 'express'
import { db } from './db.ts'
import { notes } from './schema.ts'

/** The text in the body of a request; undefined if there is none. */
function textOf({ body }: Request): string | undefined {
  return typeof body?.text === 'string' ? body.text : undefined
}

const noText = { message: 'expected { "text": string }' }
const noNote = { message: 'no such note' }

/** The REST API of notes. */
export const notesApi: Router = Router()

notesApi.param('id', (_request, response, next, id: string) => {
  if (/^\d{1,9}$/.test(id)) next()
  else response.status(404).json(noNote)
})

notesApi.get('/', async (_request, response) => {
  response.json(await db.select().from(notes).orderBy(asc(notes.id)))
})

notesApi.post('/', async (request, response) => {
  const text = textOf(request)
  if (text === undefined) return response.status(400).json(noText)
  const [created] = await db.insert(notes).values({ text }).$returningId()
  return response.status(201).json({ ...created, text })
})

notesApi.get('/:id', async ({ params }, response) => {
  const [note] = await db
    .select()
    .from(notes)
    .where(eq(notes.id, Number(params.id)))
  return note === undefined ? response.status(404).json(noNote) : response.json(note)
})

notesApi.put('/:id', async (request, response) => {
  const id = Number(request.params.id)
  const text = textOf(request)
  if (text === undefined) return response.status(400).json(noText)
  const [{ affectedRows }] = await db.update(notes).set({ text }).where(eq(notes.id, id))
  return affectedRows === 0 ? response.status(404).json(noNote) : response.json({ id, text })
})

notesApi.delete('/:id', async ({ params }, response) => {
  const [{ affectedRows }] = await db.delete(notes).where(eq(notes.id, Number(params.id)))
  return affectedRows === 0 ? response.status(404).json(noNote) : response.status(204).end()
})
