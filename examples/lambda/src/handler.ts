import { withPeriodicFlush } from '@periodic-flush/pg'
import type { LambdaFunctionURLHandler } from 'aws-lambda'
import { Pool } from 'pg'

// Made once for each instance of the function, and kept while it is frozen between two requests.
const pool = withPeriodicFlush(
  () => new Pool({ connectionString: process.env['DATABASE_URL'], max: 1 }), // one request at a time
  { intervalMs: false, maxAgeMs: Number(process.env['MAX_AGE_MS'] ?? 60_000) }, // no timer runs in a frozen process
)
pool.$flusher.on('swap', ({ generation, reason }) => console.log(`generation ${generation} serves: ${reason}`))

/** GET reads the latest notes, POST adds one, GET /health shows how the pool stands. */
export const handler: LambdaFunctionURLHandler = async ({ rawPath, requestContext, body = '{}' }) => {
  const route = `${requestContext.http.method} ${rawPath}`
  switch (route) {
    case 'GET /health':
      return json(200, pool.$flusher.stats())
    case 'GET /notes':
      return json(200, (await pool.query('select id, text from notes order by id desc limit 100')).rows)
    case 'POST /notes': {
      const { rows } = await pool.query('insert into notes (text) values ($1) returning id, text', [
        JSON.parse(body).text,
      ])
      return json(201, rows[0])
    }
    default:
      return json(404, { message: `no ${route}` })
  }
}

function json(statusCode: number, body: unknown) {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

// Where an extension is registered, Lambda says so before it ends an instance.
process.once('SIGTERM', () => pool.$flusher.close({ deadlineMs: 200 }))
