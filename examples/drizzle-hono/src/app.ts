import { flushAll } from '@periodic-flush/core'
import { sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { logger } from 'hono/logger'
import { db } from './db.ts'
import { notesApi } from './notes.ts'

/** What everybody may ask. */
export const api = new Hono()
  .use(logger())
  .route('/notes', notesApi)
  .get('/health', async (c) => {
    await db.execute(sql`select 1`)
    return c.json(db.$flusher.stats())
  })

/** What only this machine may ask: listen on loopback. */
export const admin = new Hono()
  .use(logger())
  // A browser on this machine says so, whichever page it is that asks.
  .use(async (c, next) => (c.req.header('origin') === undefined ? next() : c.body(null, 403)))
  .post('/flush', async (c) => {
    const reports = await flushAll()
    return c.json(reports, reports.every(({ status }) => status === 'flushed') ? 200 : 503)
  })
