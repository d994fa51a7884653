import { asc, eq } from 'drizzle-orm'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { validator } from 'hono/validator'
import { db } from './db.ts'
import { notes } from './schema.ts'

const text = validator('json', (body: unknown) => {
  if (typeof body === 'object' && body !== null && 'text' in body && typeof body.text === 'string') {
    return { text: body.text }
  }
  throw new HTTPException(400, { message: 'expected { "text": string }' })
})

function found<Row>([row]: Row[]): Row {
  if (row === undefined) throw new HTTPException(404, { message: 'no such note' })
  return row
}

const byId = (id: string) => eq(notes.id, Number(id))

/** The REST API of notes. */
export const notesApi = new Hono()
  .get('/', async (c) => c.json(await db.select().from(notes).orderBy(asc(notes.id))))
  .post('/', text, async (c) => c.json(found(await db.insert(notes).values(c.req.valid('json')).returning()), 201))
  .get('/:id{[0-9]{1,9}}', async (c) => {
    const wanted = byId(c.req.param('id'))
    return c.json(found(await db.select().from(notes).where(wanted)))
  })
  .put('/:id{[0-9]{1,9}}', text, async (c) => {
    const wanted = byId(c.req.param('id'))
    return c.json(found(await db.update(notes).set(c.req.valid('json')).where(wanted).returning()))
  })
  .delete('/:id{[0-9]{1,9}}', async (c) => {
    const wanted = byId(c.req.param('id'))
    found(await db.delete(notes).where(wanted).returning())
    return c.body(null, 204)
  })
