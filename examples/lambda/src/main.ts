import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@periodic-flush/testing'
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda'

/** DATABASE_URL, or that of a PostgreSQL server with the table, that ends with this process. */
async function databaseUrl(): Promise<string> {
  const given = process.env['DATABASE_URL']
  if (given !== undefined) return given
  const server = await startPostgres()
  await server.query(await readFile(new URL('../schema.sql', import.meta.url), 'utf8'))
  return server.url()
}

const env = { ...process.env, DATABASE_URL: await databaseUrl() }
const instance = fork(fileURLToPath(import.meta.resolve('./instance.js')), { env })
instance.once('exit', (code) => process.exit(code ?? 1))

/** One event at a time; before it the instance is woken up, after it frozen, as on Lambda. */
async function invoke(event: object): Promise<APIGatewayProxyStructuredResultV2> {
  const answered = once(instance, 'message')
  instance.kill('SIGCONT')
  instance.send(event)
  const [answer] = await answered
  instance.kill('SIGSTOP')
  return answer
}

let turn: Promise<unknown> = Promise.resolve()

const server = createServer(async (request, response) => {
  const { method, url: rawPath } = request
  const body = (await text(request)) || undefined
  const answer = turn.then(() => invoke({ rawPath, requestContext: { http: { method } }, body }))
  turn = answer
  const { statusCode = 200, headers, body: content } = await answer
  response.writeHead(statusCode, headers as Record<string, string>).end(content)
})
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(`API on http://127.0.0.1:${port}, answered by process ${instance.pid}`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await once(server.close(), 'close')
    instance.kill('SIGCONT')
    instance.kill('SIGTERM')
    instance.disconnect()
  })
}
