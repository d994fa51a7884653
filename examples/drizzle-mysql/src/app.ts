import { flushAll } from '@periodic-flush/core'
import { sql } from 'drizzle-orm'
import express, { type Express } from 'express'
import { db } from './db.ts'
import { notesApi } from './notes.ts'

/** What everybody may ask. */
export const api: Express = express()
api.use(express.json())
api.use('/notes', notesApi)
api.get('/health', async (_request, response) => {
  await db.execute(sql`select 1`)
  response.json(db.$flusher.stats())
})

/** What only this machine may ask: listen on loopback. */
export const admin: Express = express()
// A browser on this machine says so, whichever page it is that asks.
admin.use((request, response, next) => {
  if (request.headers.origin === undefined) next()
  else response.sendStatus(403)
})
admin.post('/flush', async (_request, response) => {
  const reports = await flushAll()
  response.status(reports.every(({ status }) => status === 'flushed') ? 200 : 503).json(reports)
})
