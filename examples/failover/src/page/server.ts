import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Chronicle } from '../chronicle.ts'
import { actionAt, type Controls } from './actions.ts'
import { type PageFile, readFiles } from './files.ts'
import { refusal } from './guard.ts'
import { type Setting, stream } from './stream.ts'

/** What the page shows, and what it may do. */
export interface PageOptions {
  readonly chronicle: Chronicle
  readonly setting: Setting
  /** 0 for a free one. */
  readonly port: number
  /** What the buttons act on; undefined while there is nothing, or where a script is in charge. */
  readonly controls: () => Controls | undefined
}

const HOST = '127.0.0.1'

/** The page loads nothing from elsewhere, and nobody frames it or reads it from elsewhere. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** Serves the page, its events and its actions, on this machine only. */
export class PageServer {
  readonly #server: Server
  readonly #port: number

  private constructor(server: Server, port: number) {
    this.#server = server
    this.#port = port
  }

  /** Resolves once it listens; rejects if the port is taken. */
  static async open(options: PageOptions): Promise<PageServer> {
    const files = await readFiles()
    const server = createServer((request, response) => void answer(request, response, files, options))
    server.listen(options.port, HOST)
    await once(server, 'listening')
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new TypeError('Expected a listening server to have a port')
    return new PageServer(server, bound.port)
  }

  get address(): string {
    return `http://${HOST}:${this.#port}/`
  }

  /** Ends every stream. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, PageFile>,
  { chronicle, setting, controls }: PageOptions,
): Promise<void> {
  const { method = '', url = '' } = request
  const [path = ''] = url.split('?')
  const say = (status: number, text: string) => {
    response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' }).end(text)
  }
  const wanted = path === '/events' ? 'events' : path.startsWith('/actions/') ? 'action' : 'file'
  const refused = refusal(wanted, request.socket.localPort ?? 0, request.headers)
  if (refused) return say(refused.status, refused.reason)
  const allowed = wanted === 'action' ? 'POST' : 'GET'
  if (method !== allowed) return say(405, `Expected ${allowed}`)

  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (wanted === 'events') return stream(response, chronicle, setting)
  if (wanted === 'file') {
    const file = files.get(path)
    if (file === undefined) return say(404, 'There is no such file')
    response.writeHead(200, { 'content-type': file.type, 'cache-control': 'no-cache' }).end(file.body)
    return
  }
  const act = actionAt(path)
  if (act === undefined) return say(404, 'There is no such action')
  const on = controls()
  if (on === undefined) return say(409, 'The script is in charge: pnpm demo --page hands the buttons over')
  await act(on).then(
    () => say(200, 'done'),
    (error: unknown) => {
      // What a driver says may hold more than a page should show.
      console.error(`${path} did not work:`, error)
      say(409, 'It did not work: the terminal says why')
    },
  )
}
