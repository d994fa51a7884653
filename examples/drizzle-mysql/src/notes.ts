import { asc, eq } from 'drizzle-orm'
import { type RequestHandler, Router } from 'express'
import { db } from './db.ts'
import { notes } from './schema.ts'

const text: RequestHandler = ({ body }, response, next) => {
  if (typeof body?.text === 'string') next()
  else response.status(400).json({ message: 'expected { "text": string }' })
}

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

notesApi.post('/', text, async ({ body: { text } }, response) => {
  const [created] = await db.insert(notes).values({ text }).$returningId()
  response.status(201).json({ ...created, text })
})

notesApi.get('/:id', async ({ params }, response) => {
  const wanted = eq(notes.id, Number(params.id))
  const [note] = await db.select().from(notes).where(wanted)
  return note === undefined ? response.status(404).json(noNote) : response.json(note)
})

notesApi.put('/:id', text, async ({ params, body: { text } }, response) => {
  const id = Number(params['id'])
  const [{ affectedRows }] = await db.update(notes).set({ text }).where(eq(notes.id, id))
  return affectedRows === 0 ? response.status(404).json(noNote) : response.json({ id, text })
})

notesApi.delete('/:id', async ({ params }, response) => {
  const [{ affectedRows }] = await db.delete(notes).where(eq(notes.id, Number(params.id)))
  return affectedRows === 0 ? response.status(404).json(noNote) : response.status(204).end()
})
